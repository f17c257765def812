import { join } from 'node:path';
import { StageError } from '../../core/errors.ts';
import { checkpointFile, files, fuseDirectArgv, fuseTwoStepArgv } from '../../core/mlx/mlx-argv.ts';
import { isProgressBar } from '../../core/mlx/mlx-log.ts';
import type { Input, Stage, StageContext } from '../stage.ts';
import { layAdapter } from './lay-adapter.ts';

/** The adapter to fuse: a folder as it is, or one of the checkpoints in it. */
interface Chosen {
  readonly folder: string;
  readonly checkpoint: number | null;
}

interface Adapters {
  readonly train?: Input<'train'>;
  readonly select?: Input<'select'>;
}

function chosenAdapter({ train, select }: Adapters, context: StageContext): Chosen {
  if (select) return { folder: join(select.folder, select.made.adapter), checkpoint: null };
  if (train) {
    const { adapter, checkpoints, iterations } = train.made;
    // A training of ours always names its checkpoints: this is a folder from outside, of which one may have been asked for.
    const outside = checkpoints.length === 0 && iterations > 0;
    return { folder: join(train.folder, adapter), checkpoint: outside ? iterations : null };
  }
  throw new StageError('INTERNAL', `run ${context.run.run} has nothing to fuse: no adapter`);
}

/** Proves the weights whole and notes their hash; an adapter from outside must still be the one that was accepted. */
async function pin({ folder, checkpoint }: Chosen, context: StageContext): Promise<void> {
  const weights = join(folder, checkpoint === null ? files.weights : checkpointFile(checkpoint));
  if ((await context.read(join(folder, files.adapterConfig))) === null) {
    throw new StageError('MISSING_INPUT', join(folder, files.adapterConfig));
  }
  await context.proveInput(weights);
  context.input('base', await context.hash(context.baseModel));
  context.input('adapter', await context.hash(weights));
}

/** A folder from outside is pinned by the hash that was taken of it at acceptance. */
async function checkAccepted(chosen: Chosen, context: StageContext): Promise<void> {
  const { from } = context.run;
  if (from === null || !('adapter' in from) || (await context.hash(from.adapter)) === from.sha256) return;
  throw new StageError('INPUT_CHANGED', `${chosen.folder} is not what it was when the config was accepted`);
}

function argvOf(adapter: string, context: StageContext): string[] {
  const { fuse: settings } = context.run.settings;
  const call = { model: context.baseModel, adapter, settings };
  return settings.mode === 'two_step'
    ? fuseTwoStepArgv(context.python, call)
    : fuseDirectArgv(context.python, context.driver('fuse_direct'), call);
}

/**
 * Fuses the adapter into the base. `direct`: quantized in the same process, so this is the final model; `two_step`: the
 * unquantised model for the quantize stage.
 */
export const fuse: Stage<'fuse', 'train' | 'select'> = {
  name: 'fuse',
  needs: ['train', 'select'],
  async run(made, context) {
    const chosen = chosenAdapter(made, context);
    await checkAccepted(chosen, context);
    await pin(chosen, context);
    const onLine = (line: string): void => {
      if (!isProgressBar(line)) context.log(line);
    };
    if (chosen.checkpoint === null) {
      await context.tool({ argv: argvOf(chosen.folder, context), loadsModel: true, onLine });
    } else {
      await layAdapter(context, { adapter: chosen.folder, file: checkpointFile(chosen.checkpoint) }, files.prepared);
      await context.tool({ argv: argvOf(files.prepared, context), loadsModel: true, onLine });
      await context.remove(files.prepared);
    }
    return { model: files.model };
  },
  async verify(made, context) {
    await context.prove(join(context.dir, made.model));
  },
};
