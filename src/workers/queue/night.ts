import { join } from 'node:path';
import type { RunDraft } from '../../core/config/lookups.ts';
import { DamagedFile } from '../../core/errors.ts';
import type { ModelShape } from '../../core/mlx/model-shape.ts';
import { type LeftOut, type NightRun, type NightView, nightOf, type RunTime } from '../../core/plan/night.ts';
import type { Rehearsed } from '../../core/plan/pace.ts';
import type { Past } from '../../core/plan/stage-seconds.ts';
import { lineUp } from '../../core/run/control.ts';
import { currentLines, isStarted, measuredIn, type RunState } from '../../core/run/due.ts';
import { ownModelStage } from '../../core/run/lineage.ts';
import { type RunStatus, runStatus } from '../../core/run/status.ts';
import type { Control } from '../../events/request.ts';
import { attemptFolder, isStage, type StageName } from '../../events/stages.ts';
import type { RunStore, StoredRun } from '../../io/artifacts/run-store.ts';
import { inParallel } from '../../io/disk/in-parallel.ts';
import { folderBytes, freeBytes } from '../../io/host/disk-usage.ts';
import { nearestFolder } from '../../io/host/file-system-facts.ts';
import { memoryLimit } from '../../io/host/memory-limit.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';
import type { Finished, Owner } from '../runtime/runtime.ts';
import { type NightFacts, openNightFacts } from './night-facts.ts';

/** A stage of a run that is running. */
export interface RunningStage {
  readonly stage: StageName;
  readonly attempt: number;
}

/** What the sum of a night is read from. */
export interface NightPlace {
  readonly workspace: Workspace;
  readonly runStore: RunStore;
  readonly control: Control;
  /** Runs that have their row. */
  readonly rows: ReadonlyMap<string, Finished>;
  /** How long the stage has worked, and what is left by its reports. Null if nothing works. */
  progress(
    stored: StoredRun,
    state: RunState,
    at: RunningStage,
  ): Promise<{ spent_s: number; left_s: number | null } | null>;
  /** What a rehearsal measured for a run that is not in the queue. Absent if no such run is asked about. */
  rehearsed?(draft: RunDraft): Promise<Rehearsed | null>;
}

/** The same for the owner of a workspace, who knows what is running. */
export const placeOf = ({ workspace, runStore, control, rows, busyRuns }: Owner): NightPlace => ({
  ...{ workspace, runStore, rows, control: control.now() },
  async progress({ run }) {
    const live = busyRuns.get(run.run);
    if (live === undefined || live.waits !== null) return null;
    return { spent_s: (Date.now() - live.since) / 1000, left_s: live.progress?.eta_s ?? null };
  },
});

/** So many finished runs count as history, the newest. */
const mostPast = 200;

/** A place, with what is read once for all its sums. */
interface Reading extends NightPlace {
  readonly facts: NightFacts;
  readonly past: Promise<readonly Past[]>;
}

export type NightReader = ReturnType<typeof openNightReader>;

/** Sums up the night as the place shows it now. What has happened before is read once. */
export function openNightReader(place: NightPlace) {
  const facts = openNightFacts(place.workspace.root);
  const reading = { ...place, facts, past: pastOf(place, facts) };
  return {
    /** The sum of the night: runs without a row in the order of the queue, then `planned` ones. */
    night: (planned: readonly RunDraft[] = []) => readNight(reading, planned),
    /** What each of these runs would take, whatever is in the queue. */
    times: (drafts: readonly RunDraft[]) => readTimes(reading, drafts),
  };
}

async function readNight(reading: Reading, planned: readonly RunDraft[]): Promise<NightView> {
  const { workspace, runStore, control, rows } = reading;
  const open = lineUp(control, runStore.all()).filter(({ run }) => !rows.has(run.run));
  const found = await inParallel(open, (stored) => orDamaged(stored, openRun(reading, stored)));
  const fresh = planned.filter(({ run }) => runStore.get(run) === undefined);
  const runs = [
    ...found.filter((one) => 'recipe' in one),
    ...(await inParallel(fresh, (draft) => plannedRun(reading, draft))),
  ];
  const { artifacts, config } = workspace;
  const free = await freeBytes(await nearestFolder(artifacts));
  return nightOf({
    now: Date.now(),
    runs,
    left: [...found.filter((one) => 'why' in one), ...leftBefore(reading, runs)],
    past: await reading.past,
    space: {
      usable: Math.max(0, free - config.disk_reserve_gb * 2 ** 30),
      kept: await keptModels(reading, runs),
    },
    memory: smallestLimit(runs, config),
  });
}

/** The limit of the training that may use the least. */
function smallestLimit(runs: readonly NightRun[], { memory_gb }: Workspace['config']): number {
  const own = runs.map(({ recipe }) => recipe.run.memory_gb ?? memory_gb);
  return Math.min(...(own.length === 0 ? [memory_gb] : own).map((gb) => memoryLimit(gb)));
}

async function readTimes(reading: Reading, drafts: readonly RunDraft[]): Promise<ReadonlyMap<string, RunTime>> {
  const runs = await inParallel(drafts, (draft) => plannedRun(reading, draft));
  const nothing = { left: [], space: { usable: null, kept: new Map() }, memory: null };
  const { times } = nightOf({ now: 0, runs, past: await reading.past, ...nothing });
  return new Map(times.map((one) => [one.run, one]));
}

const orDamaged = ({ run }: StoredRun, reading: Promise<NightRun | LeftOut>): Promise<NightRun | LeftOut> =>
  reading.catch((error: unknown) => {
    if (error instanceof DamagedFile) return { run: run.run, why: 'damaged' };
    throw error;
  });

/** A run without a row: as it works, or why it does not. */
async function openRun(reading: Reading, stored: StoredRun): Promise<NightRun | LeftOut> {
  const { runStore, control, facts } = reading;
  const journal = await runStore.journal(stored);
  // Only a run that has worked before has committed stages, and reading them is a step on the disk.
  const hasWorked = isStarted(journal) || currentLines(journal).length < journal.length;
  const state = hasWorked
    ? await runStore.state(stored)
    : { run: stored.run, journal, committed: new Set<StageName>() };
  const status = runStatus(state, { now: Date.now(), control });
  if (!['waiting', 'running', 'retrying'].includes(status.state)) return { run: stored.run.run, why: status.state };
  const shape = await facts.shape(stored.run, async () => journal);
  return {
    recipe: { ...(await facts.recipe(stored.run, shape, measuredIn(journal))), run: stored.run },
    committed: state.committed,
    taken: Object.fromEntries(
      journal.flatMap((line) => (line.event === 'committed' ? [[line.stage, line.seconds]] : [])),
    ),
    started: isStarted(journal),
    current: await currentOf(reading, stored, { state, status }),
    disk: facts.disk(stored.run, shape),
  };
}

async function plannedRun(reading: Reading, draft: RunDraft): Promise<NightRun> {
  const { facts } = reading;
  const shape = await shapeOf(reading, draft);
  const recipe = { ...(await facts.recipe(draft, shape, await measuredFor(reading, draft))), run: draft };
  return { recipe, committed: new Set(), taken: {}, started: false, current: null, disk: facts.disk(draft, shape) };
}

/** By the journal of a run, or by the recipe of a planned one. */
async function measuredFor({ runStore, rehearsed }: NightPlace, draft: RunDraft): Promise<Rehearsed | null> {
  const stored = runStore.get(draft.run);
  const own = stored === undefined ? null : measuredIn(await runStore.journal(stored));
  return own ?? (await rehearsed?.(draft)) ?? null;
}

function shapeOf(
  { runStore, facts }: Pick<Reading, 'runStore' | 'facts'>,
  draft: RunDraft,
): Promise<ModelShape | null> {
  const stored = runStore.get(draft.run);
  return facts.shape(draft, async () => (stored === undefined ? [] : runStore.journal(stored)));
}

async function currentOf(
  place: NightPlace,
  stored: StoredRun,
  { state, status }: { readonly state: RunState; readonly status: RunStatus },
): Promise<NightRun['current']> {
  const { stage, attempt } = status;
  if (status.state !== 'running' || !isStage(stage) || attempt === null) return null;
  const progress = await place.progress(stored, state, { stage, attempt });
  if (progress === null) return null;
  return { stage, ...progress, written: await folderBytes(join(stored.folder, attemptFolder(stage, attempt))) };
}

/** Runs of the night's phases that failed before it, and runs whose files cannot be read. */
function leftBefore({ runStore, rows }: NightPlace, runs: readonly NightRun[]): LeftOut[] {
  const phases = new Set(runs.map(({ recipe }) => recipe.run.phase));
  const failed = runStore
    .all()
    .filter(({ run }) => phases.has(run.phase) && rows.get(run.run)?.status === 'failed')
    .map(({ run }) => ({ run: run.run, why: 'failed' }));
  const damaged = runStore
    .leftOut()
    .flatMap((one) => (one.kind === 'damaged' ? [{ run: one.run, why: 'damaged' }] : []));
  return [...failed, ...damaged];
}

async function pastOf({ runStore, rows }: NightPlace, facts: NightFacts): Promise<Past[]> {
  const done = runStore.all().filter(({ run }) => rows.get(run.run)?.status === 'done');
  return inParallel(done.slice(-mostPast), async ({ run }) => {
    const shape = await shapeOf({ runStore, facts }, run);
    return { recipe: await facts.recipe(run, shape, null), seconds: rows.get(run.run)?.seconds ?? {} };
  });
}

/** The model that a phase with `keep_model: best` keeps now: one of those that its done runs made. */
async function keptModels(reading: Reading, runs: readonly NightRun[]): Promise<Map<string, number>> {
  const { runStore, rows, facts } = reading;
  const phases = new Set(runs.map(({ recipe }) => recipe.run.phase));
  const kept = new Map<string, number>();
  for (const { run } of runStore.all()) {
    const { keep_model: keep } = run.settings.cleanup;
    if (!phases.has(run.phase) || keep !== 'best' || rows.get(run.run)?.status !== 'done') continue;
    if (ownModelStage(run.chain) === null) continue;
    const final = facts.disk(run, await shapeOf(reading, run))?.final ?? 0;
    kept.set(run.phase, Math.max(final, kept.get(run.phase) ?? 0));
  }
  return kept;
}
