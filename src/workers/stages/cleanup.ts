import { join } from 'node:path';
import { files } from '../../events/stages/mlx.ts';
import type { Made } from '../../events/stages.ts';
import type { Input, Stage, StageContext } from './stage.ts';

type Removed = Made<'cleanup'>['removed'];

/** The unquantized model of two_step: until the quantized one is verified, it is the only copy. */
async function removeFloats(fuse: Input<'fuse'>, quantize: Input<'quantize'>, context: StageContext): Promise<Removed> {
  await context.proveInput(join(quantize.folder, quantize.made.model));
  const bytes = await context.removeOutputs('fuse', [fuse.made.model]);
  return [{ stage: 'fuse', path: fuse.made.model, bytes }];
}

interface Trained {
  readonly train: Input<'train'>;
  readonly select: Input<'select'> | undefined;
}

/** Checkpoints that were not chosen. The final adapter and its config always stay. */
async function removeCheckpoints({ train, select }: Trained, context: StageContext): Promise<Removed> {
  const final = join(train.made.adapter, files.weights);
  const removed: Removed = [];
  for (const { iteration, file } of train.made.checkpoints) {
    if (file === final || iteration === select?.made.iteration) continue;
    removed.push({ stage: 'train', path: file, bytes: await context.removeOutputs('train', [file]) });
  }
  return removed;
}

/** Frees what the later stages do not need. Only outputs of this run: those it comes `from` belong to another one. */
export const stage: Stage<'cleanup', 'train' | 'select' | 'fuse' | 'quantize'> = {
  name: 'cleanup',
  needs: ['train', 'select', 'fuse', 'quantize'],
  async run({ train, select, fuse, quantize }, context) {
    const { chain, settings } = context.run;
    const floats = fuse && quantize && chain.includes('fuse') ? await removeFloats(fuse, quantize, context) : [];
    const selected = settings.cleanup.keep_checkpoints === 'selected' && chain.includes('train');
    const weights = train && selected ? await removeCheckpoints({ train, select }, context) : [];
    const removed = [...floats, ...weights].filter((one) => one.bytes > 0);
    for (const { stage, path, bytes } of removed) context.log(`removed ${path} of ${stage}: ${bytes} bytes`);
    return { removed, freed_bytes: removed.reduce((sum, one) => sum + one.bytes, 0) };
  },
};
