import { join } from 'node:path';
import { DamagedFile, StageError } from '../core/errors.ts';
import type { DamagedSource, Source } from '../core/run/next-run.ts';
import type { Manifest } from '../events/manifest.ts';
import type { Origin } from '../events/run.ts';
import { type Made, madePaths, type StageName, stageFolder, stages } from '../events/stages.ts';
import { changedOutput } from '../io/artifacts/commit.ts';
import type { StoredRun } from '../io/artifacts/run-store.ts';
import { ifAbsent } from '../io/disk/files.ts';
import { pathInside } from '../io/disk/inside.ts';
import type { Owner, Runtime } from './runtime.ts';
import type { Input, Stage } from './stage.ts';

/** The run that another one starts from, or why it cannot be read; undefined when there is no such run. */
export async function sourceOf(
  { runStore, rows }: Pick<Owner, 'runStore' | 'rows'>,
  { run, after }: Extract<Origin, { run: string }>,
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

/** What the stage reads, proven to be as it was committed. */
export async function readInputs(
  runtime: Runtime,
  stage: Stage,
  stored: StoredRun,
): Promise<Partial<Record<StageName, Input<StageName>>>> {
  const inputs: Partial<Record<StageName, Input<StageName>>> = {};
  for (const name of stage.needs) {
    const found = await runtime.runStore.committed(stored, name);
    const maker = runtime.runStore.home(stored, name);
    // Its plan names the stage: an input that is gone is not one that never was.
    if (found === null && maker !== undefined) throw missing(maker, name);
    const input =
      found === null
        ? outsideInput(runtime, stored, name)
        : { folder: found.folder, made: stages[name].makes.parse(found.manifest.made) };
    if (found !== null) {
      refuseRemoved(runtime, stored, found.manifest);
      const changed = await changedOutput(found.folder, found.manifest);
      if (changed !== null) throw new StageError('INPUT_CHANGED', changed);
      for (const path of madePaths(found.manifest.made)) await pathInside(found.folder, path).catch(ifAbsent(null));
    }
    if (input !== null) inputs[name] = input;
  }
  return inputs;
}

const missing = ({ run, folder }: StoredRun, stage: StageName): StageError =>
  new StageError(
    'MISSING_INPUT',
    `${join(folder, stageFolder(stage))} is gone; \`phasebox retry ${run.run} --stage ${stage}\` makes it again`,
  );

/** A final model that `keep_model` took away would only look damaged to the tools. Other removed outputs are not read. */
function refuseRemoved({ runStore }: Runtime, stored: StoredRun, { run, stage, removed, made }: Manifest): void {
  const final = runStore.home(stored, 'quantize') === undefined ? 'fuse' : 'quantize';
  if (stage !== final || !removed?.paths.some((path) => path.startsWith(`${String(made.model)}/`))) return;
  const remedy = `\`phasebox retry ${run} --stage fuse\` makes it again`;
  throw new StageError('MISSING_INPUT', `the model of ${run} was removed on ${removed.at.slice(0, 10)}; ${remedy}`);
}

/** Folders from outside stand for the stage that would have made them: an adapter for train, a model for fuse. */
function outsideInput(runtime: Runtime, stored: StoredRun, name: StageName): Input<StageName> | null {
  const from = originOf(runtime, stored);
  if (from === null || 'run' in from) return null;
  if ('model' in from) return name === 'fuse' ? { folder: from.model, made: { model: '.' } } : null;
  if (name !== 'train') return null;
  const made: Made<'train'> = {
    adapter: '.',
    checkpoints: [],
    iterations: from.checkpoint ?? 0,
    train_loss: null,
    val_loss: null,
    profile: null,
    warm_restart: false,
  };
  return { folder: from.adapter, made };
}

/** Where the run, or the run that it comes from, began. */
function originOf(runtime: Runtime, stored: StoredRun): StoredRun['run']['from'] {
  const { from } = stored.run;
  if (from === null || !('run' in from)) return from;
  const source = runtime.runStore.get(from.run);
  return source === undefined ? null : originOf(runtime, source);
}
