import * as z from 'zod';
import { inside } from '../paths.ts';
import { dropChosen, files, layChosen, loaded } from './mlx.ts';
import { type Command, type Pace, type Places, type Sizes, usual } from './stage-row.ts';

/** `q_bits` and `q_group_size` belong to fuse in every mode, also if the quantize stage applies them. */
export const fuseSettings = z.strictObject({
  mode: z
    .enum(['direct', 'two_step', 'none'])
    .default('direct')
    .describe(
      '`direct`: one process, no float16 model on disk. `two_step`: `mlx_lm fuse`, then `mlx_lm convert`. `none`: the base is served with its adapter.',
    ),
  q_bits: z
    .literal([2, 3, 4, 5, 6, 8])
    .nullable()
    .default(5)
    .describe('Bits per weight of the final model. Set `null` to leave the final model unquantized.'),
  q_group_size: z.literal([32, 64, 128]).default(64).describe('Number of weights that share a scale.'),
});
export type FuseSettings = z.infer<typeof fuseSettings>;
/** The settings of a run that decide which model is made. */
export interface Fusing {
  readonly fuse: FuseSettings;
}

/** The bits of a model as flags of mlx_lm. */
export const bitFlags = ({ q_bits, q_group_size }: FuseSettings): string[] =>
  q_bits === null ? [] : ['--q-bits', String(q_bits), '--q-group-size', String(q_group_size)];

/** Fuses the adapter into the base model. */
export const fuse = {
  ...usual,
  place: 3,
  settings: fuseSettings,
  section: fuseSettings.prefault({}).describe('How adapter and base model are merged.'),
  kept: fuseSettings,
  makes: z.strictObject({ model: inside }),
  branches: true,
  makesModel: true,
  wanted: ({ fuse: { mode } }: Fusing) => mode !== 'none',
  bytes: ({ settings: { fuse: own } }: { readonly settings: Fusing }, { model }: Sizes) =>
    model(own.mode === 'two_step' ? null : own.q_bits, own.q_group_size),
  /** 30B: 115 s direct; 85 s to the unquantized model. */
  seconds: ({ settings }: { readonly settings: Fusing }, { load, billions }: Pace): number =>
    load + billions * (settings.fuse.mode === 'direct' ? 3.3 : 2.3),
  /** `two_step` is mlx_lm's own and leaves the unquantized model. `direct` fuses and quantizes in one process. */
  commands({ settings: { fuse: settings } }: { readonly settings: Fusing }, at: Places): Command[] {
    const { adapter, python, baseModel } = at;
    const paths = (from: string, to: string) => ['--model', baseModel, from, loaded(adapter), to, files.model];
    const argv =
      settings.mode === 'two_step'
        ? [python, '-m', 'mlx_lm', 'fuse', ...paths('--adapter-path', '--save-path'), '--dequantize']
        : [python, at.driver('fuse_direct'), ...paths('--adapter', '--out'), ...bitFlags(settings)];
    return [...layChosen(adapter), { does: 'run', argv, loadsModel: true }, ...dropChosen(adapter)];
  },
};
