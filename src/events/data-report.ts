import * as z from 'zod';

const neverTaught = z.strictObject({ total: z.int(), never_taught: z.int() });

/** The answers of the train rows that are part of the loss. */
const taughtCounts = z.strictObject({
  /** With mask_prompt, only the last message of a row is taught. */
  masked: z.boolean(),
  /**
   * With mask_prompt one per row, its last message. Otherwise one per assistant message. `other` means that something
   * else is taught instead, and `nothing` that no token of it is taught.
   */
  answers: z.strictObject({ total: z.int(), call: z.int(), prose: z.int(), other: z.int(), nothing: z.int() }),
  /** Assistant messages with a call, anywhere in the row. */
  calls: neverTaught,
  /** Assistant messages, anywhere in the row. */
  turns: neverTaught,
});
export type TaughtCounts = z.infer<typeof taughtCounts>;

/** What is taught, counted before training by python/check_data.py with the model's own tokenizer. Shares are 0-1. */
export const dataProfile = z.strictObject({
  rows: z.strictObject({ train: z.int(), valid: z.int() }),
  /** iters x batch_size divided by the number of train rows. */
  epochs: z.number(),
  rows_never_seen: z.int(),
  /** Share of the valid rows on which one val loss of the log is measured. */
  val_share: z.number(),
  /** Of all rows, before any is cut. 0.1.0 did not count them. */
  tokens: z.strictObject({ train: z.int(), valid: z.int() }).optional(),
  longest_row_tokens: z.int(),
  rows_over_max_seq_length: z.int(),
  rows_answer_cut: z.int(),
  rows_answer_lost: z.int(),
  /** First answers say nothing about what is taught: with mask_prompt that is the last answer. */
  first_answers: z.strictObject({ call: z.number(), prose: z.number() }).optional(),
  /** 0.1.0 did not count these. */
  taught: taughtCounts.optional(),
  system_prompts: z.int(),
  roles: z.record(z.string(), z.int()),
  /** Marks that occur in the data and are not one token for this tokenizer. */
  split_marks: z.array(z.string()),
});
export type DataProfile = z.infer<typeof dataProfile>;

/** A row as the model reads it. The texts of its pieces add up to the whole row. */
const shownRow = z.object({
  file: z.string(),
  line: z.int(),
  pieces: z.array(z.object({ text: z.string(), taught: z.boolean() })),
  findings: z.array(z.string()),
});
export type ShownRow = z.infer<typeof shownRow>;

/** The output of python/check_data.py. `stops` says why no training starts. `shown` has the requested rows. */
export const checkReport = z.object({
  profile: dataProfile.nullable(),
  stops: z.array(z.object({ code: z.string(), message: z.string() })),
  warnings: z.array(z.string()),
  /** Those of the warnings that are about batches whose loss is NaN. */
  blind: z.array(z.string()).default([]),
  shown: z.array(shownRow).default([]),
});
export type CheckReport = z.infer<typeof checkReport>;

/** What python/split_data.py did to one file. */
const splitFile = z.object({
  name: z.string(),
  /** The rows are not chat, or there are none. */
  copied: z.boolean(),
  rows: z.object({ before: z.int(), after: z.int() }),
  /** Sentences about what is in no row of the split data. */
  left_out: z.array(z.string()),
});
export type SplitFile = z.infer<typeof splitFile>;

/** The output of python/split_data.py. */
export const splitReport = z.object({ files: z.array(splitFile) });
export type SplitReport = z.infer<typeof splitReport>;
