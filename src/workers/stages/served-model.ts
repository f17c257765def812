import { join } from 'node:path';
import { StageError } from '../../core/errors.ts';
import { checkpointFile, files } from '../../core/mlx/mlx-argv.ts';
import type { Input, StageContext } from '../stage.ts';
import { layAdapter } from './lay-adapter.ts';

/** What eval may find of its run: the last model there is, or an adapter on the base. */
export interface Makings {
  readonly train?: Input<'train'>;
  readonly select?: Input<'select'>;
  readonly fuse?: Input<'fuse'>;
  readonly quantize?: Input<'quantize'>;
}

/** What is served: absolute folders, proven whole; `hashes`: of what they hold, by name, as noted in the manifest. */
export interface Served {
  readonly model: string;
  readonly adapter: string | null;
  readonly hashes: Readonly<Record<string, string>>;
}

/** Finds the run's model and pins it. `fuse.mode: none`: the base with the adapter. Throws MISSING_INPUT, INPUT_CHANGED. */
export async function servedModel(made: Makings, context: StageContext): Promise<Served> {
  const whole = made.quantize ?? made.fuse;
  const trained = made.select ?? made.train;
  // A variant without fusing may come from a run that has a fused model: that is not its own.
  if (trained !== undefined && context.run.settings.fuse.mode === 'none') return adapterOnBase(trained, context);
  if (whole === undefined) throw new StageError('INTERNAL', `run ${context.run.run} has no model to evaluate`);
  const model = join(whole.folder, whole.made.model);
  await context.proveInput(model);
  const hash = await context.hash(model);
  const { from } = context.run;
  if (from !== null && 'model' in from && from.sha256 !== hash)
    throw new StageError('INPUT_CHANGED', `${model} is not what it was when the config was accepted`);
  context.input('model', hash);
  return { model, adapter: null, hashes: { model: hash } };
}

async function adapterOnBase(trained: Input<'select'> | Input<'train'>, context: StageContext): Promise<Served> {
  const folder = join(trained.folder, trained.made.adapter);
  const checkpoint = outsideCheckpoint(trained);
  const weights = join(folder, checkpoint === null ? files.weights : checkpointFile(checkpoint));
  if ((await context.read(join(folder, files.adapterConfig))) === null)
    throw new StageError('MISSING_INPUT', join(folder, files.adapterConfig));
  const { from } = context.run;
  if (from !== null && 'adapter' in from && (await context.hash(folder)) !== from.sha256)
    throw new StageError('INPUT_CHANGED', `${folder} is not what it was when the config was accepted`);
  await context.proveInput(weights);
  await context.proveInput(context.baseModel);
  const hashes = { base: await context.hash(context.baseModel), adapter: await context.hash(weights) };
  for (const [name, hash] of Object.entries(hashes)) context.input(name, hash);
  if (checkpoint === null) return { model: context.baseModel, adapter: folder, hashes };
  await layAdapter(context, { adapter: folder, file: checkpointFile(checkpoint) }, files.prepared);
  return { model: context.baseModel, adapter: join(context.dir, files.prepared), hashes };
}

/** The weights of the run's adapter: what was trained, chosen, or given from outside. Null: it has none. */
export function adapterWeights({ train, select }: Makings): string | null {
  const trained = select ?? train;
  if (trained === undefined) return null;
  const checkpoint = outsideCheckpoint(trained);
  return join(trained.folder, trained.made.adapter, checkpoint === null ? files.weights : checkpointFile(checkpoint));
}

/** An adapter from outside stands for a training that saved nothing: then `iterations` is the checkpoint that was asked for. */
export function outsideCheckpoint({ made }: Input<'select'> | Input<'train'>): number | null {
  if (!('checkpoints' in made) || made.adapter !== '.' || made.checkpoints.length > 0) return null;
  return made.iterations > 0 ? made.iterations : null;
}

/** Takes away what was laid out only to be served: links are no output. */
export async function tidyServed(served: Served, context: StageContext): Promise<void> {
  if (served.adapter === join(context.dir, files.prepared)) await context.remove(files.prepared);
}
