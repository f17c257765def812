import * as z from 'zod';
import { cost } from '../cost.ts';
import { inside, path } from '../paths.ts';
import { baseScore, score } from '../score.ts';
import { files, layChosen, loaded, rowKeys } from './mlx.ts';
import {
  type Absolute,
  answerBytes,
  answerSeconds,
  type Command,
  type Pace,
  type Places,
  type Programs,
  type RunCommand,
  usual,
} from './stage-row.ts';
import { type CompleteTrain, completeTrain, type Trained, type TrainSettings } from './train.ts';

const count = z.int().min(1);

export const evalSettings = z.strictObject({
  suite: path.describe('The suite: a YAML file with prompts.'),
  system: z
    .string()
    .optional()
    .describe(
      "System prompt. If omitted, the suite's system prompt is used. With an empty string, no system prompt is added.",
    ),
  temperature: z
    .number()
    .min(0)
    .default(0)
    .describe('Sampling temperature. At 0, the most likely token is always chosen.'),
  max_tokens: count
    .default(512)
    .describe('Maximum number of tokens per answer. A prompt of the suite can set its own.'),
  timeout_s: z.number().positive().default(120).describe('Seconds after which an answer times out.'),
  retries: z
    .int()
    .min(0)
    .default(2)
    .describe('How many times a timed-out prompt is retried, each time with half of its tokens, but at least 256.'),
  repeats: count.default(1).describe('How many times each prompt is asked. The score of the prompt is the mean.'),
  concurrency: count.default(1).describe('Number of prompts that are asked at the same time.'),
  score_by: z.enum(['lenient', 'strict']).default('lenient').describe('The score that `criteria` reads as `overall`.'),
  stop: z
    .array(z.string().min(1))
    .default(['<|im_end|>', '<|endoftext|>'])
    .describe('Stop sequences: an answer ends at the first of them.'),
  chat_template_args: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('Arguments of the chat template, such as `enable_thinking: false`.'),
  base: z
    .boolean()
    .default(true)
    .describe('Also score the base model. The score is reused by all runs with the same model and eval settings.'),
  cost: z
    .boolean()
    .default(true)
    .describe("Measure how much of the adapter's effect is lost in fusing and quantizing. Scores are not affected."),
  engine: z
    .strictObject({
      command: z
        .array(z.string().min(1))
        .min(1)
        .describe(
          'An external command that runs and scores the eval instead of phasebox. It writes JSON lines to `$PHASEBOX_RESULTS`.',
        ),
      server: z
        .boolean()
        .default(true)
        .describe(
          'Whether phasebox serves the model at `$PHASEBOX_BASE_URL`. If not, the command loads `$PHASEBOX_MODEL_DIR`.',
        ),
    })
    .optional()
    .describe('An external command that runs and scores the eval instead of phasebox.'),
});
export type EvalSettings = z.infer<typeof evalSettings>;

export interface CostCall {
  /** Folder of the adapter, and the file in it with the weights that were fused. */
  readonly adapter: string;
  readonly weights: string;
  readonly final: string;
  /** Folder with valid.jsonl. Null if no loss is measured. */
  readonly data: string | null;
  readonly train: CompleteTrain | null;
  /** How long the measurement may take, or in a plan a word for it. */
  readonly seconds: number | 'SECONDS';
}

/** Of the time of an eval, the measurement of the cost takes at most this share. Where that is too little, it samples. */
const costShare = 1 / 4;

/** The seconds of the cost's measurement for answers that took so long. */
export const costSeconds = (answers: number): number => (answers * costShare) / (1 - costShare);

/** What fusing and quantizing cost: python/model_cost.py, in the folder with `files.costAnswers`. */
export function costCommand(call: CostCall, at: Programs): RunCommand {
  const { adapter, weights, final, data, train, seconds } = call;
  const argv = [
    ...[at.python, at.driver('model_cost'), '--base', at.baseModel],
    ...['--adapter', adapter, '--weights', weights, '--final', final],
    ...['--answers', files.costAnswers, '--out', `${files.cost}/${files.cost}.json`],
    ...['--seconds', String(seconds)],
    ...(data === null || train === null
      ? []
      : ['--data', data, '--max-seq-length', String(train.max_seq_length), ...rowKeys(train)]),
  ];
  return { does: 'run', name: files.cost, argv, loadsModel: true };
}

/** What the commands of an eval depend on. */
interface Examined extends Trained<TrainSettings> {
  readonly data: { readonly folder: string } | null;
  readonly settings: { readonly train: TrainSettings | null; readonly eval: EvalSettings };
}

/** Whether the cost of fusing is measured, as far as a plan shows it: a run has a base, and something is fused. */
export const measuresCost = ({ model, settings }: Costing): boolean =>
  settings.eval.cost && settings.fuse.mode !== 'none' && model !== null;

interface Costing {
  readonly model: object | null;
  readonly settings: { readonly eval: EvalSettings; readonly fuse: { readonly mode: string } };
}

/** The measurement after the answers, if there is an adapter that was fused. */
function costCommands(run: Examined, at: Places): Command[] {
  const { fused } = at;
  if (!run.settings.eval.cost || fused === null) return [];
  const data = run.data?.folder ?? null;
  return [costCommand({ ...fused, data, train: completeTrain(run), seconds: 'SECONDS' }, at)];
}

/** Sends the prompts of a suite and scores the answers. */
export const evaluation = {
  ...usual,
  place: 6,
  settings: evalSettings,
  section: evalSettings.optional().describe('How the model is scored.'),
  /** `suite` is the absolute path of the suite's file. */
  kept: evalSettings,
  makes: z.strictObject({
    answers: inside,
    score,
    /** sha256 over everything that can change a score apart from the model: see core/score/eval-identity.ts. */
    eval_identity: z.string(),
    /** The parts of the identity: core/score/measured.ts. Old manifests lack it. */
    eval_parts: z.record(z.string(), z.string()).optional(),
    /** The date in the prompts, or null if the chat template prints none. Old manifests lack it. */
    prompts_date: z.string().nullable().optional(),
    suite_sha256: z.string(),
    /** How many answers were asked again because they took too long. Null with an engine. Old manifests lack it. */
    asked_again: z.int().nullable().optional(),
    /** Null if turned off or not measured (a warning says why). Old manifests lack strict_categories. */
    base: baseScore.partial({ strict_categories: true }).nullable(),
    /** Null if nothing was fused, or it was not measured (a warning says why). Old manifests lack it. */
    cost: cost.nullable().optional(),
    /** The adapter adds zero to every layer. Null if the run has no adapter. Old manifests lack it. */
    idle_adapter: z.boolean().nullable().optional(),
  }),
  carries: { called: 'answers', moved: ['asked.json', 'answers.jsonl'], files: ['asked.json', 'answers.jsonl'] },
  wanted: () => true,
  resolve: (settings: EvalSettings, absolute: Absolute) => ({ ...settings, suite: absolute(settings.suite) }),
  bytes: () => answerBytes,
  seconds(run: Examined & Costing, pace: Pace): number {
    const { eval: settings } = run.settings;
    const answers = pace.load + answerSeconds(pace.prompts * settings.repeats, settings, pace);
    return answers * (pace.asksBase ? 2 : 1) + (measuresCost(run) ? costSeconds(answers) : 0);
  },
  commands(run: Examined, at: Places): Command[] {
    const { engine } = run.settings.eval;
    const { model, adapter } = at.judged;
    const serve: Command = { does: 'serve', model, adapter: adapter === null ? null : loaded(adapter) };
    return [
      ...(adapter === null ? [] : layChosen(adapter)),
      ...(engine?.server === false ? [] : [serve]),
      ...(engine === undefined ? [] : [{ does: 'run' as const, name: 'engine', argv: engine.command, ofUser: true }]),
      ...costCommands(run, at),
    ];
  },
};
