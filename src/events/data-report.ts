import * as z from 'zod';
import { dataProfile } from './profile.ts';

/** A row as the model reads it. The texts of its pieces together are the whole row. */
const shownRow = z.object({
  file: z.string(),
  line: z.int(),
  pieces: z.array(z.object({ text: z.string(), taught: z.boolean() })),
  findings: z.array(z.string()),
});
export type ShownRow = z.infer<typeof shownRow>;

/** What python/check_data.py writes. `stops`: why no training on this data is started. `shown`: the rows that were asked for. */
export const checkReport = z.object({
  profile: dataProfile.nullable(),
  stops: z.array(z.object({ code: z.string(), message: z.string() })),
  warnings: z.array(z.string()),
  shown: z.array(shownRow).default([]),
});
export type CheckReport = z.infer<typeof checkReport>;

/** What python/split_data.py did to one file. */
const splitFile = z.object({
  name: z.string(),
  /** Rows of another kind than chat, or no rows at all. */
  copied: z.boolean(),
  rows: z.object({ before: z.int(), after: z.int() }),
  /** Sentences on what is in no row of the split data. */
  left_out: z.array(z.string()),
});
export type SplitFile = z.infer<typeof splitFile>;

/** What python/split_data.py prints. */
export const splitReport = z.object({ files: z.array(splitFile) });
export type SplitReport = z.infer<typeof splitReport>;
