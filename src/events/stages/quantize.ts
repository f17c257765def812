import * as z from 'zod';
import { inside } from '../inside.ts';
import type { Fusing } from './fuse.ts';
import { type Sizes, usual } from './stage-row.ts';

/** The second step of `fuse.mode: two_step`. Its bits stand in the section of fuse. */
export const quantize = {
  ...usual,
  settings: z.strictObject({}),
  section: null,
  kept: null,
  makes: z.strictObject({ model: inside }),
  branches: true,
  makesModel: true,
  wanted: ({ fuse: { mode, q_bits } }: Fusing) => mode === 'two_step' && q_bits !== null,
  bytes: ({ settings: { fuse } }: { readonly settings: Fusing }, { model }: Sizes) =>
    model(fuse.q_bits, fuse.q_group_size),
};
