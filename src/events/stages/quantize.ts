import * as z from 'zod';
import { inside } from '../inside.ts';
import type { FuseSettings, Fusing } from './fuse.ts';
import { files } from './mlx.ts';
import { type Command, type Places, type Sizes, usual } from './stage-row.ts';

/** mlx_lm's own quantization; it refuses an existing output folder. */
export function quantizeArgv(python: string, model: string, settings: FuseSettings): string[] {
  const grid = ['--q-bits', String(settings.q_bits), '--q-group-size', String(settings.q_group_size)];
  return [python, '-m', 'mlx_lm', 'convert', '--hf-path', model, '--mlx-path', files.model, '-q', ...grid];
}

/** The second step of `fuse.mode: two_step`. Its bits stand in the section of fuse. */
export const quantize = {
  ...usual,
  place: 4,
  settings: z.strictObject({}),
  section: null,
  kept: null,
  makes: z.strictObject({ model: inside }),
  branches: true,
  makesModel: true,
  wanted: ({ fuse: { mode, q_bits } }: Fusing) => mode === 'two_step' && q_bits !== null,
  bytes: ({ settings: { fuse } }: { readonly settings: Fusing }, { model }: Sizes) =>
    model(fuse.q_bits, fuse.q_group_size),
  commands: ({ settings: { fuse } }: { readonly settings: Fusing }, at: Places): Command[] => [
    { does: 'run', argv: quantizeArgv(at.python, at.made('fuse'), fuse), loadsModel: true },
  ],
};
