import * as z from 'zod';
import { inside } from '../paths.ts';
import { type Fusing, fuse } from './fuse.ts';
import { type Sizes, usual } from './stage-row.ts';

export const cleanupSettings = z.strictObject({
  keep_checkpoints: z
    .enum(['all', 'selected'])
    .default('all')
    .describe('Which checkpoints to keep: all, or only the one that is used.'),
  keep_model: z
    .enum(['all', 'best', 'none'])
    .default('all')
    .describe(
      'Which final models to keep: all, the best of the phase, or none. A deleted model can be rebuilt from its adapter and config.',
    ),
});
export type CleanupSettings = z.infer<typeof cleanupSettings>;

/** Deletes what the later stages do not need. */
export const cleanup = {
  ...usual,
  place: 5,
  settings: cleanupSettings,
  section: cleanupSettings.prefault({}).describe('What is deleted to save disk space.'),
  kept: cleanupSettings,
  makes: z.strictObject({
    removed: z.array(z.strictObject({ stage: z.string(), path: inside, bytes: z.number() })),
    freed_bytes: z.number(),
  }),
  makesModel: true,
  loadsModel: false,
  wanted: (_settings: unknown, before: readonly string[]) => before.includes('train') || before.includes('fuse'),
  frees(run: Planned, sizes: Sizes): number {
    const { chain, settings } = run;
    const floats = chain.includes('fuse') && chain.includes('quantize') ? fuse.bytes(run, sizes) : 0;
    const trained = chain.includes('train') && settings.cleanup.keep_checkpoints === 'selected';
    if (!trained) return floats;
    return floats + sizes.adapter * Math.max(0, sizes.checkpoints - (chain.includes('select') ? 1 : 0));
  },
};

interface Planned {
  readonly chain: readonly string[];
  readonly settings: Fusing & { readonly cleanup: CleanupSettings };
}
