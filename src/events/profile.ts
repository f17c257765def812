import * as z from 'zod';

const neverTaught = z.strictObject({ total: z.int(), never_taught: z.int() });

/** Which answers of the train rows the loss is taken over. */
const taughtCounts = z.strictObject({
  /** mask_prompt: only the last message of a row is taught. */
  masked: z.boolean(),
  /**
   * With mask_prompt one a row, its last message; otherwise one an assistant message. `other`: something else is taught
   * in its place. `nothing`: no token of it is taught.
   */
  answers: z.strictObject({ total: z.int(), call: z.int(), prose: z.int(), other: z.int(), nothing: z.int() }),
  /** Assistant messages with a call, wherever in the row they are. */
  calls: neverTaught,
  /** Assistant messages, wherever in the row they are. */
  turns: neverTaught,
});
export type TaughtCounts = z.infer<typeof taughtCounts>;

/** What is taught, counted before training by python/check_data.py with the model's own tokenizer. Shares are 0-1. */
export const dataProfile = z.strictObject({
  rows: z.strictObject({ train: z.int(), valid: z.int() }),
  /** iters x batch_size / train rows. */
  epochs: z.number(),
  rows_never_seen: z.int(),
  /** Share of the valid rows that one val loss of the log is measured on. */
  val_share: z.number(),
  /** Of all rows, before any is cut. 0.1.0 did not count them. */
  tokens: z.strictObject({ train: z.int(), valid: z.int() }).optional(),
  longest_row_tokens: z.int(),
  rows_over_max_seq_length: z.int(),
  rows_answer_cut: z.int(),
  rows_answer_lost: z.int(),
  /** What the first answer of a row is. Says nothing of what is taught: with mask_prompt that is the last one. */
  first_answers: z.strictObject({ call: z.number(), prose: z.number() }).optional(),
  /** 0.1.0 did not count it. */
  taught: taughtCounts.optional(),
  system_prompts: z.int(),
  roles: z.record(z.string(), z.int()),
  /** Marks that occur in the data and are not one token for this tokenizer. */
  split_marks: z.array(z.string()),
});
export type DataProfile = z.infer<typeof dataProfile>;
