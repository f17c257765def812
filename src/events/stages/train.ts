import * as z from 'zod';
import { inside } from '../inside.ts';
import { path } from '../paths.ts';
import { dataProfile } from '../profile.ts';
import { type Absolute, logBytes, type Sizes, usual, type Work } from './stage-row.ts';

const count = z.int().min(1);

/**
 * mlx_lm's own keys. Those that phasebox reads are listed here, and the others are checked against the installed
 * mlx_lm.
 */
export const trainSettings = z.looseObject({
  iters: count.optional().describe('Iterations.'),
  batch_size: count.optional().describe('Rows per iteration.'),
  learning_rate: z.number().positive().optional().describe('Learning rate, such as 1e-4.'),
  num_layers: z
    .int()
    .min(-1)
    .optional()
    .describe('How many layers get an adapter, counted from the last. -1 means all.'),
  grad_accumulation_steps: count.optional().describe('How many iterations make one step of the optimizer.'),
  mask_prompt: z.boolean().optional().describe('Learn from the last message of a row only.'),
  max_seq_length: count.optional().describe('Tokens of a row that are used. The rest is cut off.'),
  save_every: count.optional().describe('Save a checkpoint every n iterations.'),
  steps_per_report: count.optional().describe('Report the train loss every n iterations.'),
  steps_per_eval: count.optional().describe('Measure the val loss every n iterations.'),
  val_batches: z.int().min(-1).optional().describe('How many batches a val loss is measured on. -1 means all.'),
  resume_adapter_file: path
    .optional()
    .describe('Weights to start from: a warm restart, without the state of the optimizer.'),
});
export type TrainSettings = z.infer<typeof trainSettings>;

/** Learns an adapter with `mlx_lm lora`. */
export const train = {
  ...usual,
  settings: trainSettings,
  section: trainSettings
    .optional()
    .describe("Settings of mlx_lm by their own names. Absent ones have mlx_lm's defaults."),
  /** Null: the run begins after its training. */
  kept: trainSettings.nullable(),
  makes: z.strictObject({
    adapter: inside,
    /** Every saved checkpoint, in order. The last one has the weights of `adapter`. */
    checkpoints: z.array(z.strictObject({ iteration: z.int(), file: inside })),
    iterations: z.int(),
    train_loss: z.number().nullable(),
    val_loss: z.number().nullable(),
    profile: dataProfile.nullable(),
    /**
     * The training started with the weights of `resume_adapter_file`, without the optimizer state, at iteration 1.
     */
    warm_restart: z.boolean(),
  }),
  branches: true,
  makesModel: true,
  wanted: () => true,
  resolve(settings: TrainSettings, absolute: Absolute): TrainSettings {
    const file = settings.resume_adapter_file;
    return file === undefined ? settings : { ...settings, resume_adapter_file: absolute(file) };
  },
  bytes: (_run: unknown, { adapter, checkpoints }: Sizes) => adapter * (1 + checkpoints) + logBytes,
  /** It grows with the rows of data that the training goes through. */
  timeFactor: (own: Work, other: Work): number => own.steps / other.steps,
};
