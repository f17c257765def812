import { join } from 'node:path';
import { figure } from '../../core/compare/summary.ts';
import { type ModelUser, modelsToRemove } from '../../core/run/keep-models.ts';
import { ownModelStage, withSources } from '../../core/run/lineage.ts';
import { isRemoved } from '../../core/run/outputs.ts';
import type { Manifest } from '../../events/run.ts';
import { type StageName, stageFolder, stages } from '../../events/stages.ts';
import { removeOutputs } from '../../io/artifacts/remove-outputs.ts';
import { takeHeads } from '../../io/artifacts/results-file.ts';
import { readManifestNow } from '../../io/artifacts/run-folder.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import { listNames } from '../../io/disk/files.ts';
import { inSlices } from '../../io/disk/in-slices.ts';
import { ifDamaged } from '../../io/disk/own-file.ts';
import { now, type Runtime } from '../runtime/runtime.ts';

type Owner = Pick<Runtime, 'runStore' | 'log' | 'workspace'>;

/** The lock for this work: two removals of one model must not meet. No run has this name. */
const modelRemoval = 'final models';

/** A final model that a rule may remove. */
interface RemovableModel {
  readonly stored: StoredRun;
  readonly stage: StageName;
  /** Inside the stage's folder. */
  readonly path: string;
  readonly removed: boolean;
}

/**
 * Removes final models as `cleanup.keep_model` says. `run` has just got its row: only models of its phase and of the
 * phases that it comes from may be removable now. If it is absent: all phases, and what a crash left half removed.
 */
export async function removeModels(owner: Owner, run?: string): Promise<void> {
  const { runStore } = owner;
  const phases = run === undefined ? null : phasesBehind(owner, run);
  const governed = new Set<string>();
  for (const { run: one } of runStore.all())
    if (one.settings.cleanup.keep_model !== 'all' && (phases?.has(one.phase) ?? true)) governed.add(one.phase);
  // An unreadable run may need a model of another one.
  if (governed.size === 0 || runStore.leftOut().some(({ kind }) => kind === 'damaged')) return;
  const own = runStore.all().filter((stored) => governed.has(stored.run.phase));
  const models = (await inSlices(own, finalModel)).filter((model) => model !== null);
  const gone = models.filter(({ removed }) => removed);
  const { taken } = await takeHeads(owner.workspace.artifacts, (row) => ({ status: row.status, score: figure(row) }));
  const users = runStore.all().map((stored) => userOf(owner, stored, taken.get(stored.run.run)));
  const names = new Set(modelsToRemove(users, new Set(gone.map(({ stored }) => stored.run.run))));
  for (const model of models) if (names.has(model.stored.run.run) || model.removed) await remove(owner, model);
}

/** The same, but a failure is only reported: an extra model must not delay the next run. */
export async function tidyModels(owner: Owner & Pick<Runtime, 'turn'>, run?: string): Promise<void> {
  try {
    await owner.turn(modelRemoval, () => removeModels(owner, run));
  } catch (error) {
    owner.log.warn({ err: error }, 'final models could not be removed; tried again after the next row');
  }
}

/** The phases of a run and of those that it comes from. */
function phasesBehind({ runStore }: Owner, name: string): ReadonlySet<string> {
  const run = runStore.get(name)?.run;
  const runs = run === undefined ? [] : withSources(run, (one) => runStore.get(one)?.run);
  return new Set(runs.map(({ phase }) => phase));
}

/** A model about which nothing is known stays. */
function readableManifest(folder: string, stage: StageName): Manifest | null {
  try {
    return readManifestNow(folder, stage);
  } catch (error) {
    return ifDamaged(null)(error);
  }
}

function finalModel(stored: StoredRun): RemovableModel | null {
  const stage = ownModelStage(stored.run.chain);
  const manifest = stage === null ? null : readableManifest(stored.folder, stage);
  if (stage === null || manifest === null) return null;
  const made = stages[stage].makes.safeParse(manifest.made);
  if (!made.success) return null;
  const path = made.data.model;
  return { stored, stage, path, removed: isRemoved(manifest, path) };
}

function userOf({ runStore }: Owner, stored: StoredRun, row?: Pick<ModelUser, 'status' | 'score'>): ModelUser {
  const { run, phase, number, settings } = stored.run;
  const lineage = runStore.lineage(stored);
  const makers = [lineage.made('quantize'), lineage.made('fuse')].filter((maker) => maker !== undefined);
  const reads = makers.map((maker) => maker.run.run);
  return {
    ...{ run, phase, number, keep: settings.cleanup.keep_model, reads },
    owner: reads[0] ?? null,
    status: row?.status ?? null,
    score: row?.score ?? null,
  };
}

/** Nothing to do if it is marked and gone. If it is marked and exists, a crash came in between. */
async function remove({ log }: Owner, { stored, stage, path, removed }: RemovableModel): Promise<void> {
  const folder = join(stored.folder, stageFolder(stage), path);
  if (removed && (await listNames(folder)).length === 0) return;
  const bytes = await removeOutputs(stored.folder, stage, { paths: [path], at: now() });
  const rule = stored.run.settings.cleanup.keep_model;
  log.info({ run: stored.run.run, stage, bytes }, `final model removed (keep_model: ${rule})`);
}
