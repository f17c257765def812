import { join } from 'node:path';
import { StageError } from '../../core/errors.ts';
import { files, quantizeArgv } from '../../core/mlx/mlx-argv.ts';
import { isProgressBar } from '../../core/mlx/mlx-log.ts';
import type { Stage } from '../stage.ts';

/** The second of `fuse.mode: two_step`: mlx_lm's own conversion of the fused model. */
export const quantize: Stage<'quantize', 'fuse'> = {
  name: 'quantize',
  needs: ['fuse'],
  async run({ fuse }, context) {
    const { fuse: settings } = context.run.settings;
    if (!fuse || settings.q_bits === null) {
      throw new StageError('INTERNAL', `run ${context.run.run} has nothing to quantize: no fused model or q_bits null`);
    }
    const model = join(fuse.folder, fuse.made.model);
    await context.proveInput(model);
    context.input('model', await context.hash(model));
    const onLine = (line: string): void => {
      if (!isProgressBar(line)) context.log(line);
    };
    const argv = quantizeArgv(context.python, model, settings);
    await context.tool({ argv, loadsModel: true, onLine });
    return { model: files.model };
  },
  async verify(made, context) {
    await context.prove(join(context.dir, made.model));
  },
};
