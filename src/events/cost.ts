import * as z from 'zod';

const figure = z.number().nullable();

/**
 * What fusing and quantizing left of the adapter (python/model_cost.py). A figure is null if it does not exist for this
 * run (no data, no answers, a base without a grid, a training that lowered no loss).
 */
export const cost = z.strictObject({
  /** Bits per weight in the models' configs. Null if the model is not quantized. */
  bits: z.strictObject({ base: figure, final: figure }),
  /** rms of the adapter's change D, in steps of the base's quantization grid. */
  step: figure,
  /** <W_final - W_base, D> / <D, D>: 1 means that all of D is there, and 0 that it was rounded away. */
  kept: figure,
  /** |D| / |W_final - W_base - D|: the adapter compared with what rounding changed in addition. */
  snr: figure,
  /** Number of layers with an adapter. */
  layers: z.int(),
  /** Share (0..1) of the answers' tokens that are the most likely ones for base + adapter and for the final model. */
  top1: figure,
  /** Mean KL(base + adapter || final) in nats, on the tokens of the answers. */
  kl: figure,
  /** Number of tokens in these two means. */
  tokens: z.int(),
  /** They are measured on so many of so many answers. Absent in figures of 0.1.0, which used all. */
  answers: z.int().optional(),
  answers_of: z.int().optional(),
  /** Mean loss (nats per token) on the answers of rows of valid.jsonl. */
  loss: z.strictObject({ base: z.number(), adapter: z.number(), final: z.number() }).nullable(),
  /** (loss.base - loss.final) / (loss.base - loss.adapter): 1 means all that the training gained. */
  gain_kept: figure,
  /** The losses are measured on so many of so many rows. Figures of 0.1.0 lack the latter, and used all. */
  rows: z.int(),
  rows_of: z.int().optional(),
});
export type Cost = z.infer<typeof cost>;
