import * as z from 'zod';

/** What is taught, counted before training by python/check_data.py with the model's own tokenizer. Shares are 0-1. */
export const dataProfile = z.strictObject({
  rows: z.strictObject({ train: z.int(), valid: z.int() }),
  /** iters x batch_size / train rows. */
  epochs: z.number(),
  rows_never_seen: z.int(),
  /** Share of the valid rows that one val loss of the log is measured on. */
  val_share: z.number(),
  longest_row_tokens: z.int(),
  rows_over_max_seq_length: z.int(),
  rows_answer_cut: z.int(),
  rows_answer_lost: z.int(),
  /** What the first answer of a row is. */
  first_answers: z.strictObject({ call: z.number(), prose: z.number() }),
  system_prompts: z.int(),
  roles: z.record(z.string(), z.int()),
  /** Marks that occur in the data and are not one token for this tokenizer. */
  split_marks: z.array(z.string()),
});
export type DataProfile = z.infer<typeof dataProfile>;
