import { join } from 'node:path';
import { StageError } from '../../core/errors.ts';
import { files } from '../../events/stages/mlx.ts';
import { stages } from '../../events/stages.ts';
import { placesIn } from './served-model.ts';
import { runCommands, type Stage } from './stage.ts';

/** The second step of `fuse.mode: two_step`: mlx_lm's own conversion of the fused model. */
export const stage: Stage<'quantize', 'fuse'> = {
  name: 'quantize',
  needs: ['fuse'],
  async run({ fuse }, context) {
    if (!fuse || context.run.settings.fuse.q_bits === null) {
      throw new StageError('INTERNAL', `run ${context.run.run} has nothing to quantize: no fused model or q_bits null`);
    }
    const model = join(fuse.folder, fuse.made.model);
    await context.proveInput(model);
    context.input('model', await context.hash(model));
    await runCommands(stages.quantize.commands(context.run, placesIn(context, { fuse })), context);
    return { model: files.model };
  },
  async verify(made, context) {
    await context.prove(join(context.dir, made.model));
  },
};
