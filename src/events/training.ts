import * as z from 'zod';

/** The exit codes of python/train.py. mlx_lm has its own codes. */
export const trainExit = { paused: 10, overMemory: 11, refused: 12 } as const;

/** JSON has no such numbers. */
const notFinite = { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, '-inf': Number.NEGATIVE_INFINITY };
const figure = z.union([z.number(), z.enum(['nan', 'inf', '-inf']).transform((name) => notFinite[name])]);

/** Seconds since 1970. */
const time = z.number();
const iteration = z.int();

/** What the training does: `loading`, `data`, `replaying`, `training`, `validation`, `test`. */
const beat = z.object({ event: z.literal('beat'), time, phase: z.string(), iteration: iteration.nullable() });

/** A line of the training's progress.jsonl, which python/train.py appends. Only the keys that phasebox reads. */
export const trainingEvent = z.discriminatedUnion('event', [
  /** A process began. What it computes follows the last state, or else iteration 0. */
  z.object({ event: z.literal('start'), time }),
  beat,
  /** `share` is 0-1 of all parameters, or null if mlx_lm cannot count them. */
  z.object({ event: z.literal('trainable'), time, parameters: z.int(), share: z.number().nullable() }),
  /** Everything after this iteration is computed again. */
  z.object({ event: z.literal('resumed'), time, iteration }),
  z.object({ event: z.literal('damaged_state'), time, iteration }),
  z.object({
    event: z.literal('report'),
    /** mlx_lm's GB are 10^9 bytes. */
    ...{ time, iteration, train_loss: figure, iterations_per_second: figure, peak_memory_gb: figure },
    learning_rate: figure.optional(),
    tokens_per_second: figure.optional(),
    /** Seconds of training so far, those before it was resumed included. */
    seconds: figure.optional(),
  }),
  z.object({ event: z.literal('validation'), time, iteration, val_loss: figure, val_seconds: figure }),
  z.object({ event: z.literal('state'), time, iteration, bytes: z.int() }),
  z.object({ event: z.literal('state_failed'), time, iteration, why: z.string() }),
  z.object({ event: z.literal('stopped'), time, iteration, reason: z.string(), why: z.string() }),
  z.object({ event: z.literal('memory'), time, iteration, peak_bytes: z.number(), limit_bytes: z.number() }),
  /** The states belong to another training. */
  z.object({ event: z.literal('refused'), time, why: z.string() }),
  /** The driver does not fit this mlx_lm, so plain `mlx_lm lora` runs. */
  z.object({ event: z.literal('fallback'), time, why: z.string() }),
]);
export type TrainingEvent = z.infer<typeof trainingEvent>;

/** When a training ends before its last iteration: python/train_stop.py, as JSON of this form. */
export const stopRules = z
  .strictObject({
    val_loss: z
      .strictObject({
        patience: z.int().min(1).describe('Number of validations in a row without improvement.'),
        min_delta: z.number().min(0).default(0).describe('How much lower the loss must be to count as an improvement.'),
      })
      .optional()
      .describe('Stop when the validation loss no longer falls. It is measured every `steps_per_eval` iterations.'),
    train_minutes: z.number().positive().optional().describe('Number of minutes of training after which it stops.'),
  })
  .refine((rules) => Object.values(rules).some((rule) => rule !== undefined), {
    message: 'it needs val_loss or train_minutes',
  });

/** What is known of a training besides its losses. Null or an empty list where nothing of this kind happened. */
export const trainingFacts = z.strictObject({
  /** The iterations after which it was resumed, in order. */
  resumed: z.array(iteration),
  /** Why it ended before its last iteration. */
  stopped: z.strictObject({ iteration, reason: z.string(), why: z.string() }).nullable(),
  /** Why plain `mlx_lm lora` trained. */
  fallback: z.string().nullable(),
  trainable: z.strictObject({ parameters: z.int(), share: z.number().nullable() }).nullable(),
  /** The most memory of mlx, in bytes. */
  peak_bytes: z.int().nullable(),
});
export type TrainingFacts = z.infer<typeof trainingFacts>;
