import { join } from 'node:path';
import { figure } from '../core/compare/summary.ts';
import { finalStage, type ModelUser, modelsToRemove } from '../core/run/keep-models.ts';
import type { Manifest } from '../events/manifest.ts';
import type { Row } from '../events/row.ts';
import { type StageName, stageFolder, stages } from '../events/stages.ts';
import { inSlices } from '../io/disk/in-slices.ts';
import { ifDamaged } from '../io/disk/own-file.ts';
import { removeOutputs } from '../io/disk/remove-outputs.ts';
import { listNames } from '../io/model/models.ts';
import { takeHeads } from '../io/workspace/results-file.ts';
import { readManifestNow } from '../io/workspace/run-folder.ts';
import type { Shelved } from '../io/workspace/shelf.ts';
import { now, type Runtime } from './runtime.ts';

type Place = Pick<Runtime, 'shelf' | 'log' | 'workspace'>;

/** The name to take for this work: two removals of one model must not meet. No run has this name. */
const modelRemoval = 'final models';

/** A final model that some rule may take away. */
interface FinalModel {
  readonly shelved: Shelved;
  readonly stage: StageName;
  /** Inside the stage's folder. */
  readonly path: string;
  readonly removed: boolean;
}

/**
 * Takes final models away as `cleanup.keep_model` says. `run`: one that just got its row: only models of its phase and of
 * the phases that it comes from can have become free. Absent: all phases, and what a crash left half removed.
 */
export async function removeModels(place: Place, run?: string): Promise<void> {
  const { shelf } = place;
  const phases = run === undefined ? null : phasesBehind(place, run);
  const governed = new Set<string>();
  for (const { run: one } of shelf.all())
    if (one.settings.cleanup.keep_model !== 'all' && (phases?.has(one.phase) ?? true)) governed.add(one.phase);
  // A run that cannot be read may need a model of another one.
  if (governed.size === 0 || shelf.leftOut().some(({ kind }) => kind === 'damaged')) return;
  const own = shelf.all().filter((shelved) => governed.has(shelved.run.phase));
  const models = (await inSlices(own, finalModel)).filter((model) => model !== null);
  const gone = models.filter(({ removed }) => removed);
  const { taken } = await takeHeads(place.workspace.artifacts, (row) => ({ status: row.status, score: figure(row) }));
  const users = shelf.all().map((shelved) => userOf(place, shelved, taken.get(shelved.run.run)));
  const names = new Set(modelsToRemove(users, new Set(gone.map(({ shelved }) => shelved.run.run))));
  for (const model of models) if (names.has(model.shelved.run.run) || model.removed) await remove(place, model);
}

/** The same, but a failure is only told: a model too many must not hold up the next run. */
export async function tidyModels(place: Place & Pick<Runtime, 'turn'>, run?: string): Promise<void> {
  try {
    await place.turn(modelRemoval, () => removeModels(place, run));
  } catch (error) {
    place.log.warn({ err: error }, 'final models could not be removed; tried again after the next row');
  }
}

/** The phases of a run and of those that it comes from. */
function phasesBehind({ shelf }: Place, run: string): ReadonlySet<string> {
  const phases = new Set<string>();
  for (let at = shelf.get(run); at !== undefined; ) {
    phases.add(at.run.phase);
    const { from } = at.run;
    at = from !== null && 'run' in from ? shelf.get(from.run) : undefined;
  }
  return phases;
}

/** A model that nothing can be said of stays. */
function readableManifest(folder: string, stage: StageName): Manifest | null {
  try {
    return readManifestNow(folder, stage);
  } catch (error) {
    return ifDamaged(null)(error);
  }
}

function finalModel(shelved: Shelved): FinalModel | null {
  const stage = finalStage(shelved.run.chain);
  const manifest = stage === null ? null : readableManifest(shelved.folder, stage);
  if (stage === null || manifest === null) return null;
  const made = stages[stage].makes.safeParse(manifest.made);
  if (!made.success) return null;
  const path = made.data.model;
  return { shelved, stage, path, removed: isRemoved(manifest, path) };
}

const isRemoved = ({ removed }: Manifest, path: string): boolean =>
  removed?.paths.some((one) => one === path || one.startsWith(`${path}/`)) ?? false;

/** What decides of a finished run. */
interface Finished {
  readonly status: Row['status'];
  readonly score: number | null;
}

function userOf({ shelf }: Place, shelved: Shelved, row: Finished | undefined): ModelUser {
  const { run, phase, number, settings } = shelved.run;
  const homes = [shelf.home(shelved, 'quantize'), shelf.home(shelved, 'fuse')].filter((home) => home !== undefined);
  const reads = homes.map((home) => home.run.run);
  return {
    ...{ run, phase, number, keep: settings.cleanup.keep_model, reads },
    owner: reads[0] ?? null,
    status: row?.status ?? null,
    score: row?.score ?? null,
  };
}

/** Nothing to do when it is marked and gone; marked and there: a crash came between. */
async function remove({ log }: Place, { shelved, stage, path, removed }: FinalModel): Promise<void> {
  const folder = join(shelved.folder, stageFolder(stage), path);
  if (removed && (await listNames(folder)).length === 0) return;
  const bytes = await removeOutputs(shelved.folder, stage, { paths: [path], at: now() });
  log.info(
    { run: shelved.run.run, stage, bytes },
    `final model removed (keep_model: ${shelved.run.settings.cleanup.keep_model})`,
  );
}
