import * as z from 'zod';
import { inside } from '../inside.ts';
import { path } from '../paths.ts';
import { type Absolute, answerBytes, type Sizes, usual } from './stage-row.ts';

export const selectSettings = z.strictObject({
  by: z
    .enum(['last', 'val_loss', 'suite'])
    .default('last')
    .describe(
      'Which checkpoint is used: the last, the one with the lowest loss on all valid rows, or the best on a suite.',
    ),
  suite: path.optional().describe('With `by: suite`: the suite that decides.'),
  prompts: z.int().min(1).optional().describe('With `by: suite`: how many of its prompts are asked.'),
});
export type SelectSettings = z.infer<typeof selectSettings>;

/** A checkpoint that was measured for the choice. Percent 0-100 on the suite that decides. Unknown values are null. */
export const candidate = z.strictObject({
  iteration: z.int(),
  overall: z.number().nullable(),
  strict: z.number().nullable(),
  /** On all rows of valid.jsonl. */
  val_loss: z.number().nullable(),
});
export type Candidate = z.infer<typeof candidate>;

/** Measures every checkpoint of the training and takes the best one. */
export const select = {
  ...usual,
  settings: selectSettings,
  section: selectSettings.prefault({}).describe('Which checkpoint is used.'),
  kept: selectSettings,
  makes: z.strictObject({
    /** A folder with the chosen weights under the name that mlx_lm loads. */
    adapter: inside,
    iteration: z.int(),
    by: z.enum(['val_loss', 'suite']),
    /** With `by: suite`, the file that decided, and how many of its prompts. */
    suite_sha256: z.string().nullable(),
    prompts: z.int().nullable(),
    /** The deciding prompts are scored by eval too, so its score is optimistic. */
    same_suite: z.boolean(),
    candidates: z.array(candidate),
    /** How many points too high the chosen one's score on those prompts is: core/select/optimism.ts. */
    optimism: z.number().nullable(),
  }),
  branches: true,
  makesModel: true,
  carries: {
    moved: ['asked.json', 'candidates'],
    files: ['asked.json', 'base.json', 'answers.jsonl', 'losses.jsonl'],
  },
  wanted: ({ select: { by } }: { readonly select: SelectSettings }) => by !== 'last',
  resolve: (settings: SelectSettings, absolute: Absolute): SelectSettings =>
    settings.suite === undefined ? settings : { ...settings, suite: absolute(settings.suite) },
  bytes: (_run: unknown, { adapter, saved }: Sizes) => adapter + answerBytes * saved,
};
