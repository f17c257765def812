import * as z from 'zod';
import { inside } from '../paths.ts';
import { bitFlags, type Fusing } from './fuse.ts';
import { files } from './mlx.ts';
import { type Command, type Pace, type Places, type Sizes, usual } from './stage-row.ts';

/** The second step of `fuse.mode: two_step`. Its bits are in the section of fuse. */
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
  /** 30B: 30 s. */
  seconds: (_run: unknown, { load, billions }: Pace): number => load + billions * 0.5,
  /** mlx_lm's own quantization, which refuses an output folder that exists. */
  commands({ settings: { fuse } }: { readonly settings: Fusing }, at: Places): Command[] {
    const paths = ['--hf-path', at.made('fuse'), '--mlx-path', files.model];
    const argv = [at.python, '-m', 'mlx_lm', 'convert', ...paths, '-q', ...bitFlags(fuse)];
    return [{ does: 'run', argv, loadsModel: true }];
  },
};
