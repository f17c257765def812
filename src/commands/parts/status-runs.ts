import { join, sep } from 'node:path';
import { sizeText } from '../../core/format.ts';
import { heldBy, type RunState } from '../../core/run/due.ts';
import { branchOf } from '../../core/run/lineage.ts';
import { heldText, rehearsalName } from '../../core/run/rehearsal-words.ts';
import { removedText, replacedText, resultText } from '../../core/run/row-words.ts';
import { damagedStatus, finishedStatus, type RunStatus, runStatus } from '../../core/run/status.ts';
import type { Control } from '../../events/request.ts';
import type { RowHead } from '../../events/row.ts';
import { attemptFolder, isStage, stages } from '../../events/stages.ts';
import { sortRows } from '../../io/artifacts/removed-runs.ts';
import { takeHeads } from '../../io/artifacts/results-file.ts';
import { openRunStore, type RunStore, type StoredRun } from '../../io/artifacts/run-store.ts';
import { holderText, machineHolder } from '../../io/claim/machine-slot.ts';
import { ifCode } from '../../io/disk/files.ts';
import { inParallel } from '../../io/disk/in-parallel.ts';
import { damageOf } from '../../io/disk/own-file.ts';
import { freeBytes } from '../../io/host/disk-usage.ts';
import { nearestFolder } from '../../io/host/file-system-facts.ts';
import { findBaseModel } from '../../io/model/models.ts';
import { hasLiveTool } from '../../io/tool/tool-folders.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';
import type { NightPlace } from '../../workers/queue/night.ts';
import { leftOutText } from '../../workers/queue/report-store.ts';
import { liveProgress } from './live-progress.ts';
import { progressOnDisk } from './night.ts';

/** What has the machine. Of another user's machine slot, which cannot be read, nothing is known. */
const holderNow = (): ReturnType<typeof machineHolder> => machineHolder().catch(ifCode(null, 'EACCES'));

/** A run. `said` replaces its state for people: how it finished, or that no `up` manages it. */
export interface ShownRun {
  readonly status: RunStatus;
  readonly said: string | null;
  readonly reserved?: string | null;
  /** What was doubtful after acceptance: about its model, if that was fetched, and in its rehearsal. */
  readonly warnings?: readonly string[];
}

/** The state of the workspace as a whole. */
interface Now {
  readonly control: Control;
  readonly up: boolean;
  /** Receives the messages about unreadable files of the workspace. */
  readonly damage: string[];
}

/** Every run, and old rows and copies in words. Of a finished run, only what is shown is kept in memory. */
export async function showRuns(workspace: Workspace, now: Now) {
  const runStore = openRunStore(workspace.artifacts);
  await runStore.refresh();
  const { taken } = await takeHeads(workspace.artifacts, finishedRun).catch((error: unknown) => {
    now.damage.push(damageOf(error).message);
    return { taken: new Map<string, ReturnType<typeof finishedRun>>() };
  });
  const { own, replaced, removed } = await sortRows([...taken.values()], runStore);
  const holder = await holderNow();
  const isRehearsed = ({ run }: StoredRun): boolean =>
    holder?.workspace === workspace.root && holder.what === rehearsalName(run.run);
  const show = async (stored: StoredRun): Promise<ShownRun> => {
    const state = await runStore.state(stored);
    const status = await withHeldSource(runStore, state, runStatus(state, { now: Date.now(), control: now.control }));
    if (status.state === 'waiting' && (status.why === null || (await hasItsSource(runStore, state))))
      return {
        status: { ...status, why: isRehearsed(stored) ? 'is rehearsed now' : await modelToCome(workspace, state) },
        said: null,
      };
    return { ...(await showStarted(stored, status, now)), reserved: reservation(state, status) };
  };
  const orDamaged = async (stored: StoredRun): Promise<ShownRun> => {
    try {
      const shown = own.get(stored.run.run)?.shown ?? (await show(stored));
      return { ...shown, warnings: await runStore.laterWarnings(stored) };
    } catch (error) {
      return { status: damagedStatus(stored.run.run, stored.run.phase, damageOf(error).message), said: null };
    }
  };
  const left = runStore.leftOut();
  const damaged = left.flatMap((one) =>
    one.kind === 'damaged' ? [{ status: damagedStatus(one.run, one.phase, one.why), said: null }] : [],
  );
  const copies = left.filter(({ kind }) => kind === 'copy').map(leftOutText);
  const oldRows = [
    ...(replaced.length === 0 ? [] : [replacedText(replaced)]),
    ...(removed.length === 0 ? [] : [removedText(removed)]),
  ];
  const shown: readonly ShownRun[] = [...(await inParallel(runStore.all(), orDamaged)), ...damaged];
  const isKnown = (run: string): boolean => taken.has(run) || runStore.get(run) !== undefined;
  const night: NightPlace = {
    workspace,
    runStore,
    control: now.control,
    rows: own,
    progress: progressOnDisk(workspace),
  };
  return { shown, copies, oldRows, isKnown, night };
}

const finishedRun = (row: RowHead) => {
  const { run, status, overall, seconds } = row;
  const said = status === 'done' ? `${wide(status)}  ${resultText(row)}` : null;
  return { run, status, overall, seconds, shown: { status: finishedStatus(row), said } };
};

/** A state, padded to the width of the widest. */
export const wide = (state: string): string => state.padEnd(9);

/** Whether the stage that a run starts after is committed: then it only waits for its turn. */
async function hasItsSource(runStore: RunStore, { run }: RunState): Promise<boolean> {
  const branch = branchOf(run);
  const source = branch === null ? undefined : runStore.get(branch.run);
  return branch !== null && source !== undefined && (await runStore.committed(source, branch.after)) !== null;
}

/** A run that waits for a held one says so. */
async function withHeldSource(runStore: RunStore, { run }: RunState, status: RunStatus): Promise<RunStatus> {
  const branch = branchOf(run);
  const source = branch === null ? undefined : runStore.get(branch.run);
  if (status.state !== 'waiting' || source === undefined) return status;
  const held = heldBy(await runStore.journal(source));
  return held === null ? status : { ...status, why: `${status.why}, which is held: ${heldText(held)}` };
}

async function showStarted(stored: StoredRun, status: RunStatus, { up }: Now): Promise<ShownRun> {
  const isOn = status.state === 'running' || status.state === 'retrying';
  const stopped = isOn && !up ? 'stopped, resumes at the next up' : null;
  const { stage } = status;
  if (status.state !== 'running' || !isStage(stage) || status.attempt === null) return { status, said: stopped };
  const dir = join(stored.folder, attemptFolder(stage, status.attempt));
  const { part, ...progress } = { ...(await liveProgress(dir, stored.run, stage)) };
  const why = status.why ?? part ?? null;
  if (!up) {
    // There is no time left to estimate while nothing works.
    if (!(await hasLiveTool(dir))) return { status: { ...status, ...progress, eta_s: null }, said: stopped };
    return { status: { ...status, ...progress, why }, said: 'continues in the background' };
  }
  const waits = await machineWait(stored.folder, status);
  return { status: { ...status, ...progress, why: waits ?? why }, said: null };
}

/** `fetching its model org/name`: the run cannot start before. Null if its model is on this machine. */
async function modelToCome({ root }: Workspace, { run, journal }: RunState): Promise<string | null> {
  if (run.model === null || !run.model.download) return null;
  const found = await findBaseModel(run, journal, root);
  return found === null || found.found ? null : `fetching its model ${run.model.source}`;
}

/** `waits for the machine: train of 43b-s0 in /other, pid 4711`, or null if the run's stage works. */
export async function machineWait(folder: string, status: RunStatus): Promise<string | null> {
  const { stage } = status;
  if (!isStage(stage) || !stages[stage].loadsModel || status.attempt === null) return null;
  const holder = await holderNow();
  const dir = join(folder, attemptFolder(stage, status.attempt));
  if (holder === null || `${holder.dir}${sep}`.startsWith(`${dir}${sep}`) || (await hasLiveTool(dir))) return null;
  return `waits for the machine: ${holderText(holder)}`;
}

/** `train of 43a-s0 has reserved 1.2 GB`. Null if the run is at no stage or the size is not known. */
export function reservation(
  { journal }: Pick<RunState, 'journal'>,
  { run, state, stage, attempt }: Pick<RunStatus, 'run' | 'state' | 'stage' | 'attempt'>,
): string | null {
  if (state !== 'running') return null;
  const line = journal.findLast(
    (one) => one.event === 'reserved' && one.stage === stage && one.attempt === (attempt ?? 1),
  );
  if (line?.event !== 'reserved' || line.bytes === null) return null;
  return `${line.stage} of ${run} has reserved ${sizeText(line.bytes)}`;
}

/** The disk of artifacts/: what is free, what of it is kept free, and what running stages may still write. */
export async function diskLine({ artifacts, config }: Workspace, reserved: readonly string[]): Promise<string> {
  const free = sizeText(await freeBytes(await nearestFolder(artifacts)));
  const kept = sizeText(config.disk_reserve_gb * 2 ** 30);
  return [`disk: ${free} free; phasebox never uses the last ${kept} of it`, ...reserved].join('; ');
}
