import { join } from 'node:path';
import { StageError } from '../../core/errors.ts';
import { files, fuseDirectArgv, fuseTwoStepArgv } from '../../core/mlx/mlx-argv.ts';
import { isProgressBar } from '../../core/mlx/mlx-log.ts';
import { adapterFiles, adapterOf } from '../../core/run/lineage.ts';
import type { Stage, StageContext } from '../stage.ts';
import { layAdapter } from './lay-adapter.ts';
import { partsOf, proveAdapter } from './served-model.ts';

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
    const adapter = adapterOf(partsOf(made, context));
    if (adapter === null) throw new StageError('INTERNAL', `run ${context.run.run} has nothing to fuse: no adapter`);
    const chosen = adapterFiles(adapter);
    const hash = await proveAdapter(chosen, context);
    context.input('base', await context.hash(context.baseModel));
    context.input('adapter', hash);
    const onLine = (line: string): void => {
      if (!isProgressBar(line)) context.log(line);
    };
    if (chosen.checkpoint === null) {
      await context.tool({ argv: argvOf(chosen.folder, context), loadsModel: true, onLine });
    } else {
      await layAdapter(context, { adapter: chosen.folder, file: chosen.file }, files.prepared);
      await context.tool({ argv: argvOf(files.prepared, context), loadsModel: true, onLine });
      await context.remove(files.prepared);
    }
    return { model: files.model };
  },
  async verify(made, context) {
    await context.prove(join(context.dir, made.model));
  },
};
