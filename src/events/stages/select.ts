import * as z from 'zod';
import { inside, path } from '../paths.ts';
import type { EvalSettings } from './eval.ts';
import { checkpointFile, files, layAdapter, remoteCode, rowKeys } from './mlx.ts';
import {
  type Absolute,
  answerBytes,
  answerSeconds,
  type Command,
  type Pace,
  type Places,
  type Programs,
  type RunCommand,
  type Sizes,
  usual,
} from './stage-row.ts';
import {
  type CompleteTrain,
  checkpointCount,
  completeTrain,
  savedIterations,
  type Trained,
  type TrainSettings,
} from './train.ts';

export const selectSettings = z.strictObject({
  by: z
    .enum(['last', 'val_loss', 'suite'])
    .default('last')
    .describe(
      'Which checkpoint is used: the last, the one with the lowest loss on the full validation set, or the best on a suite.',
    ),
  suite: path.optional().describe('With `by: suite`: the suite that the checkpoints are scored on.'),
  prompts: z.int().min(1).optional().describe('With `by: suite`: number of its prompts to use.'),
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

/** The folder in which a candidate is laid out to be served, and its answers are kept. */
export const candidateFolder = (iteration: number): string =>
  `${files.candidates}/${String(iteration).padStart(7, '0')}`;

export interface LossCall {
  readonly data: string;
  /** Folder with adapter_config.json, and the weights in it by iteration. */
  readonly adapter: string;
  readonly checkpoints: readonly { readonly iteration: number; readonly file: string }[];
  readonly settings: CompleteTrain;
}

/** python/val_loss.py: the loss of every checkpoint on all rows of valid.jsonl, cut and masked as in the training. */
export function lossCommand({ data, adapter, checkpoints, settings }: LossCall, at: Programs): RunCommand {
  const argv = [
    ...[at.python, at.driver('val_loss'), '--model', at.baseModel, '--data', data, '--adapter', adapter],
    ...['--out', `${files.candidates}/${files.losses}`],
    ...checkpoints.flatMap(({ iteration, file }) => ['--checkpoint', `${iteration}=${file}`]),
    ...['--max-seq-length', String(settings.max_seq_length), '--batch-size', String(settings.batch_size)],
    ...(settings.mask_prompt ? ['--mask-prompt'] : []),
    ...rowKeys(settings),
    ...remoteCode(settings),
  ];
  return { does: 'run', name: files.loss, argv, loadsModel: true };
}

/** What the commands of a choice depend on. */
interface Choice extends Trained<TrainSettings> {
  readonly data: { readonly folder: string } | null;
  readonly settings: { readonly train: TrainSettings | null; readonly select: SelectSettings };
}

/** The future checkpoints, known before the training from `iters` and `save_every`. */
function savedFiles(train: CompleteTrain): LossCall['checkpoints'] {
  const numbered = checkpointCount(train);
  return savedIterations(train).map((iteration, index) => ({
    iteration,
    file: index < numbered ? checkpointFile(iteration) : files.weights,
  }));
}

/** Measures every checkpoint of the training and uses the best one. */
export const select = {
  ...usual,
  place: 2,
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
    /** How many points too high the chosen one's score on those prompts is: core/select/choose.ts. */
    optimism: z.number().nullable(),
  }),
  branches: true,
  makesModel: true,
  carries: {
    called: 'answers',
    moved: ['asked.json', 'candidates'],
    files: ['asked.json', 'base.json', 'answers.jsonl', 'losses.jsonl'],
  },
  wanted: ({ select: { by } }: { readonly select: SelectSettings }) => by !== 'last',
  resolve: (settings: SelectSettings, absolute: Absolute): SelectSettings =>
    settings.suite === undefined ? settings : { ...settings, suite: absolute(settings.suite) },
  bytes: (_run: unknown, { adapter, saved }: Sizes) => adapter + answerBytes * saved,
  seconds(run: Choice & { readonly settings: { readonly eval: EvalSettings } }, pace: Pace): number {
    const settings = completeTrain(run);
    const saved = settings === null ? 0 : savedIterations(settings).length;
    const { load, validation, validRows, choosing } = pace;
    if (run.settings.select.by === 'val_loss')
      return load + (saved * validRows * validation) / (settings?.batch_size ?? 1);
    const asked = run.settings.eval;
    return saved * (load + answerSeconds(choosing * asked.repeats, asked, pace));
  },
  /** Measures every checkpoint. Only then is it known which of them becomes `adapter`. */
  commands(run: Choice, at: Places): Command[] {
    const { data } = run;
    const { by } = run.settings.select;
    const settings = completeTrain(run);
    if (settings === null) throw new Error('a run without train settings has no checkpoints to choose from');
    const [adapter, saved] = [at.made('train'), savedFiles(settings)];
    if (by === 'val_loss' && data !== null)
      return [lossCommand({ data: data.folder, adapter, checkpoints: saved, settings }, at)];
    return saved.flatMap(({ iteration, file }): Command[] => [
      ...layAdapter({ folder: adapter, file }, candidateFolder(iteration)),
      { does: 'serve', model: at.baseModel, adapter: candidateFolder(iteration) },
    ]);
  },
};
