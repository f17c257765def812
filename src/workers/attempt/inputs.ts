import { join } from 'node:path';
import { DamagedFile, StageError } from '../../core/errors.ts';
import type { DamagedSource, Source } from '../../core/run/due.ts';
import { type Branch, finalModelOf, type Lineage } from '../../core/run/lineage.ts';
import { isRemoved } from '../../core/run/outputs.ts';
import type { Manifest } from '../../events/run.ts';
import { madePaths, type StageName, stageFolder, stages } from '../../events/stages.ts';
import { changedOutput } from '../../io/artifacts/commit.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import { ifAbsent } from '../../io/disk/files.ts';
import { pathInside } from '../../io/disk/inside.ts';
import type { Owner, Runtime } from '../runtime/runtime.ts';
import type { Input, Inputs, Stage } from '../stages/stage.ts';

/** The run that another one starts from, or why it cannot be read. Undefined if there is no such run. */
export async function sourceOf(
  { runStore, rows }: Pick<Owner, 'runStore' | 'rows'>,
  { run, after }: Branch,
): Promise<Source | DamagedSource | undefined> {
  const source = runStore.get(run);
  if (source === undefined) {
    const left = runStore.leftOut().find((one) => one.run === run);
    return left?.kind === 'damaged' ? { damage: left.why } : undefined;
  }
  try {
    const [state, committed] = await Promise.all([runStore.state(source), runStore.committed(source, after)]);
    return { state, committed: committed !== null, hasRow: rows.has(run) };
  } catch (error) {
    if (error instanceof DamagedFile) return { damage: error.message };
    throw error;
  }
}

/** The inputs of the stage, verified to be unchanged since their commit. */
export async function readInputs({ runStore }: Runtime, stage: Stage, stored: StoredRun): Promise<Inputs<StageName>> {
  const lineage = runStore.lineage(stored);
  const inputs: Partial<Record<StageName, Input<StageName>>> = {};
  for (const name of stage.needs) {
    const maker = lineage.made(name);
    if (maker === undefined) continue;
    const found = await runStore.committed(stored, name);
    // Its plan names the stage: a missing input is not the same as one that never existed.
    if (found === null) throw missing(maker, name);
    const { folder, manifest } = found;
    refuseRemoved(lineage, manifest);
    const changed = await changedOutput(folder, manifest);
    if (changed !== null) throw new StageError('INPUT_CHANGED', changed);
    for (const path of madePaths(name, manifest.made)) await pathInside(folder, path).catch(ifAbsent(null));
    inputs[name] = { folder, made: stages[name].makes.parse(manifest.made) };
  }
  const { outside } = lineage;
  return { ...(inputs as Inputs<StageName>), ...(outside !== null && { outside }) };
}

function missing({ run, folder }: StoredRun, stage: StageName): StageError {
  const remedy = `\`phasebox retry ${run.run} --stage ${stage}\` makes it again`;
  return new StageError('MISSING_INPUT', `${join(folder, stageFolder(stage))} is gone; ${remedy}`);
}

/** To the tools, a removed final model would only look damaged. Other removed outputs are not read. */
function refuseRemoved(lineage: Lineage<StoredRun>, manifest: Manifest): void {
  const final = finalModelOf(lineage);
  const { run, stage, removed, made } = manifest;
  if (removed === null || final?.kind !== 'made' || stage !== final.stage) return;
  if (!isRemoved(manifest, String(made.model))) return;
  const remedy = `\`phasebox retry ${run} --stage fuse\` makes it again`;
  throw new StageError('MISSING_INPUT', `the model of ${run} was removed on ${removed.at.slice(0, 10)}; ${remedy}`);
}
