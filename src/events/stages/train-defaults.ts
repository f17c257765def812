import * as z from 'zod';

/**
 * The train settings with which phasebox calculates. Each value in `catch` is the default of mlx_lm 0.30.7 to 0.32.2,
 * which phasebox 0.1.0 used: its run.json files have no `train_defaults`.
 */
const counted = z.object({
  iters: z.int().catch(1000),
  batch_size: z.int().catch(4),
  val_batches: z.int().catch(25),
  steps_per_eval: z.int().catch(200),
  num_layers: z.int().catch(16),
  save_every: z.int().catch(100),
  max_seq_length: z.int().catch(2048),
  mask_prompt: z.boolean().catch(false),
});
type Counted = z.infer<typeof counted>;

/** mlx_lm's defaults by the names of its settings. */
export type Defaults = Readonly<Record<string, unknown>>;

/** Settings with mlx_lm's defaults for those that the config lacks. mlx_lm itself receives only the config's own. */
export type Complete<T> = T & { [K in keyof Counted]: Counted[K] };

export const withDefaults = <T extends object>(train: T, defaults: Defaults = {}): Complete<T> => ({
  ...counted.parse(defaults),
  ...(defaults.lora_parameters === undefined ? {} : { lora_parameters: defaults.lora_parameters }),
  ...(defaults.fine_tune_type === undefined ? {} : { fine_tune_type: defaults.fine_tune_type }),
  ...train,
});

/** The part of a run that decides the settings of its training. */
export interface Trained<T> {
  readonly settings: { readonly train: T | null };
  readonly train_defaults?: Defaults | undefined;
}

/** The settings of a run's training. Null if it has none. */
export const completeTrain = <T extends object>({ settings: { train }, train_defaults }: Trained<T>) =>
  train === null ? null : withDefaults(train, train_defaults);

/** All known defaults of a run's training. */
export const knownDefaults = ({ train_defaults }: Pick<Trained<unknown>, 'train_defaults'>): Defaults =>
  train_defaults ?? counted.parse({});
