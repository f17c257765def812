import * as z from 'zod';
import { dataProfile } from './profile.ts';

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
