import * as z from 'zod';

/** Why a training would fail. A run whose rehearsal found this is held. */
export const foundCause = z.object({
  /** A stable word: those of python/rehearse_causes.py, and `suite_refused`. */
  cause: z.string(),
  /** A code of the error catalogue. */
  code: z.string(),
  message: z.string(),
  remedy: z.string(),
});
export type FoundCause = z.infer<typeof foundCause>;

const figure = z.number().nullable();

/** What a rehearsal found. Unknown values are null. */
export const rehearsalResult = z.object({
  /** The peak memory against the limit: `tight` from 90 % of it on. Null without a limit, or if it was not measured. */
  verdict: z.enum(['fits', 'tight', 'does_not_fit']).nullable(),
  peak_bytes: figure,
  limit_bytes: figure,
  seconds_per_iteration: figure,
  seconds_per_val_batch: figure,
  eval_tokens_per_s: figure,
  /** Absent if there are none. */
  warnings: z.array(z.string()).optional(),
  /** Null if the training would work, as far as is known. */
  error: foundCause.nullable(),
});
export type RehearsalResult = z.infer<typeof rehearsalResult>;

/** .phasebox/rehearsals/<key>.json. The key is a hash of the recipe: core/plan/rehearsal-key.ts. */
export const rehearsalRecord = z.object({
  version: z.literal(1),
  key: z.string(),
  /** When it ended, ISO 8601. */
  at: z.string(),
  /** Seconds that it took, without waiting for the machine. */
  seconds: z.number(),
  /** The runs that waited for it. Empty for a config that was rehearsed by hand. */
  runs: z.array(z.string()),
  result: rehearsalResult,
});
export type RehearsalRecord = z.infer<typeof rehearsalRecord>;
