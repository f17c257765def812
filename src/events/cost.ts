import * as z from 'zod';

const figure = z.number().nullable();

/**
 * What fusing and quantizing left of the adapter (python/model_cost.py). Null: the figure does not exist for this run (no
 * data, no answers, a base without a grid, a training that lowered no loss).
 */
export const cost = z.strictObject({
  /** Bits a weight as the models' configs say; null: not quantized. */
  bits: z.strictObject({ base: figure, final: figure }),
  /** rms of the adapter's change D, in steps of the base's quantization grid. */
  step: figure,
  /** <W_final - W_base, D> / <D, D>: 1 = all of D is there, 0 = rounded away. */
  kept: figure,
  /** |D| / |W_final - W_base - D|: the adapter against what rounding changed beside it. */
  snr: figure,
  /** Layers with an adapter. */
  layers: z.int(),
  /** Share (0..1) of the answers' tokens that base + adapter and the final model both hold likeliest. */
  top1: figure,
  /** Mean KL(base + adapter || final) in nats, on the tokens of the answers. */
  kl: figure,
  /** How many tokens these two are means over. */
  tokens: z.int(),
  /** Mean loss (nats a token) on the answers of all rows of valid.jsonl. */
  loss: z.strictObject({ base: z.number(), adapter: z.number(), final: z.number() }).nullable(),
  /** (loss.base - loss.final) / (loss.base - loss.adapter): 1 = all that the training gained. */
  gain_kept: figure,
  rows: z.int(),
});
export type Cost = z.infer<typeof cost>;
