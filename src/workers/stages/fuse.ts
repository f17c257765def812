import { join } from 'node:path';
import { StageError } from '../../core/errors.ts';
import { adapterFiles, adapterOf } from '../../core/run/lineage.ts';
import { files } from '../../events/stages/mlx.ts';
import { stages } from '../../events/stages.ts';
import { partsOf, placesIn, proveAdapter } from './served-model.ts';
import { runCommands, type Stage } from './stage.ts';

/** `direct` also quantizes, which makes the final model. `two_step` leaves that to the quantize stage. */
export const stage: Stage<'fuse', 'train' | 'select'> = {
  name: 'fuse',
  needs: ['train', 'select'],
  async run(made, context) {
    const adapter = adapterOf(partsOf(made, context));
    if (adapter === null) throw new StageError('INTERNAL', `run ${context.run.run} has nothing to fuse: no adapter`);
    const hash = await proveAdapter(adapterFiles(adapter), context);
    context.input('base', await context.hash(context.baseModel));
    context.input('adapter', hash);
    await runCommands(stages.fuse.commands(context.run, placesIn(context, made)), context);
    return { model: files.model };
  },
  async verify(made, context) {
    await context.prove(join(context.dir, made.model));
  },
};
