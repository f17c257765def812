import * as z from 'zod';
import { categoryName } from './suite.ts';

/** Points of the wrapper without any of the expected names. */
export const wrapperAlone = 0.1;

/** The mode of one answer: the first that applies (docs/suites.md, "Modes"). */
export const modes = [
  'timeout',
  'error',
  'empty',
  'wrapped',
  'wrong_tool',
  'direct_call',
  'cut',
  'thinking',
  'prose',
] as const;
export type Mode = (typeof modes)[number];

const percent = z.number().min(0).max(100);

const figures = {
  overall: percent,
  strict: percent,
  categories: z.record(z.string(), percent),
  strict_categories: z.record(z.string(), percent),
};
/** Counts of answers, in the order of `modes`. Modes that do not occur are 0. */
export const modeCounts = z.record(z.enum(modes), z.int());

/** A scored suite. Percent 0-100, unrounded. `overall` is lenient and `strict` strict, both means over prompts. */
export const score = z.strictObject({
  ...figures,
  modes: modeCounts,
  /** The same for each category. Absent in scores of versions that did not count them. */
  category_modes: z.record(z.string(), modeCounts).optional(),
  prompts: z.array(
    z.strictObject({
      id: z.string(),
      repeat: z.int(),
      /** 0-1 */
      score: z.number(),
      strict: z.number(),
      /** Null if an engine made the score and gave no mode. */
      mode: z.enum(modes).nullable(),
    }),
  ),
});
export type Score = z.infer<typeof score>;

const shareExpected = 'must be a number from 0 to 1';

/** A line that a `scorer` or `eval.engine` writes. More keys are allowed. Only engines give a `category`. */
export const givenScore = z.looseObject({
  id: z.string().min(1),
  repeat: z.int().min(0).default(0),
  /** 0-1 */
  score: z.number(shareExpected).min(0, shareExpected).max(1, shareExpected),
  mode: z.enum(modes).nullish(),
  category: categoryName.nullish(),
});
export type GivenScore = z.infer<typeof givenScore>;

/** The base model's own score, measured once per model and eval identity: artifacts/base/<key>/. */
export const baseScore = z.strictObject({ key: z.string(), ...figures });

/** The score of each answer of a run: one line per prompt and repeat, 0-1. */
export type PromptScores = Score['prompts'];
