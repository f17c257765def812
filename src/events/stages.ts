import * as z from 'zod';
import { cost } from './cost.ts';
import { inside } from './inside.ts';
import { path } from './paths.ts';
import { dataProfile } from './profile.ts';
import { baseScore, score } from './score.ts';

const count = z.int().min(1);

/**
 * mlx_lm's own keys. Those that phasebox reads are listed here, and the others are checked against the installed
 * mlx_lm.
 */
export const trainSettings = z.looseObject({
  iters: count.optional().describe('Iterations.'),
  batch_size: count.optional().describe('Rows per iteration.'),
  learning_rate: z.number().positive().optional().describe('Learning rate, such as 1e-4.'),
  num_layers: z
    .int()
    .min(-1)
    .optional()
    .describe('How many layers get an adapter, counted from the last. -1 means all.'),
  grad_accumulation_steps: count.optional().describe('How many iterations make one step of the optimizer.'),
  mask_prompt: z.boolean().optional().describe('Learn from the last message of a row only.'),
  max_seq_length: count.optional().describe('Tokens of a row that are used. The rest is cut off.'),
  save_every: count.optional().describe('Save a checkpoint every n iterations.'),
  steps_per_report: count.optional().describe('Report the train loss every n iterations.'),
  steps_per_eval: count.optional().describe('Measure the val loss every n iterations.'),
  val_batches: z.int().min(-1).optional().describe('How many batches a val loss is measured on. -1 means all.'),
  resume_adapter_file: path
    .optional()
    .describe('Weights to start from: a warm restart, without the state of the optimizer.'),
});

export const selectSettings = z.strictObject({
  by: z
    .enum(['last', 'val_loss', 'suite'])
    .default('last')
    .describe(
      'Which checkpoint is used: the last, the one with the lowest loss on all valid rows, or the best on a suite.',
    ),
  suite: path.optional().describe('With `by: suite`: the suite that decides.'),
  prompts: count.optional().describe('With `by: suite`: how many of its prompts are asked.'),
});

/** `q_bits` and `q_group_size` belong to fuse in every mode, also if the quantize stage applies them. */
export const fuseSettings = z.strictObject({
  mode: z
    .enum(['direct', 'two_step', 'none'])
    .default('direct')
    .describe(
      '`direct`: one process, no float16 model on disk. `two_step`: `mlx_lm fuse`, then `mlx_lm convert`. `none`: the base is served with its adapter.',
    ),
  q_bits: z
    .literal([2, 3, 4, 5, 6, 8])
    .nullable()
    .default(5)
    .describe('Bits per weight of the final model. `null` means unquantized, not absent.'),
  q_group_size: z.literal([32, 64, 128]).default(64).describe('How many weights share a scale.'),
});

export const cleanupSettings = z.strictObject({
  keep_checkpoints: z
    .enum(['all', 'selected'])
    .default('all')
    .describe('Which checkpoints stay on the disk: all, or only the one that is used.'),
  keep_model: z
    .enum(['all', 'best', 'none'])
    .default('all')
    .describe('Which final models stay: all, the best of the phase, or none. Adapter and recipe can rebuild one.'),
});

export const evalSettings = z.strictObject({
  suite: path.describe('The suite: a YAML file with prompts.'),
  /** Absent means the suite's own system prompt. Empty means none. */
  system: z.string().optional().describe('System prompt. Absent means that of the suite, empty means none.'),
  temperature: z.number().min(0).default(0).describe('0 always takes the most likely token.'),
  max_tokens: count
    .default(512)
    .describe('The most tokens that an answer may have. A prompt of the suite can set its own.'),
  timeout_s: z.number().positive().default(120).describe('Seconds after which an answer times out.'),
  retries: z.int().min(0).default(2).describe('How often a prompt that timed out is asked again.'),
  repeats: count.default(1).describe('How often each prompt is asked. Its score is the mean.'),
  concurrency: count.default(1).describe('How many prompts are asked at the same time.'),
  score_by: z.enum(['lenient', 'strict']).default('lenient').describe('The score that gate and outcomes read.'),
  stop: z.array(z.string().min(1)).default(['<|im_end|>', '<|endoftext|>']).describe('Texts that end an answer.'),
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
    .describe('Measure what fusing and quantizing cost the adapter. This changes no score.'),
  engine: z
    .strictObject({
      command: z
        .array(z.string().min(1))
        .min(1)
        .describe('A command that asks and scores instead of phasebox. It writes JSON lines to `$PHASEBOX_RESULTS`.'),
      server: z
        .boolean()
        .default(true)
        .describe(
          'Whether phasebox serves the model at `$PHASEBOX_BASE_URL`. If not, the command loads `$PHASEBOX_MODEL_DIR`.',
        ),
    })
    .optional()
    .describe('A command that asks and scores instead of phasebox.'),
});

/** A checkpoint that was measured for the choice. Percent 0-100 on the suite that decides. Unknown values are null. */
export const candidate = z.strictObject({
  iteration: z.int(),
  overall: z.number().nullable(),
  strict: z.number().nullable(),
  /** On all rows of valid.jsonl. */
  val_loss: z.number().nullable(),
});
export type Candidate = z.infer<typeof candidate>;

/**
 * The chain, in order. `settings` has what a phase may set for the stage. `makes` has what a committed stage leaves
 * (paths are inside its folder). A new stage is a row here, a file in workers/ and a line in workers/index.ts.
 */
export const stages = {
  train: {
    settings: trainSettings,
    makes: z.strictObject({
      adapter: inside,
      /** Every saved checkpoint, in order. The last one has the weights of `adapter`. */
      checkpoints: z.array(z.strictObject({ iteration: z.int(), file: inside })),
      iterations: z.int(),
      train_loss: z.number().nullable(),
      val_loss: z.number().nullable(),
      profile: dataProfile.nullable(),
      /**
       * The training started with the weights of `resume_adapter_file`, without the optimizer state, at iteration 1.
       */
      warm_restart: z.boolean(),
    }),
  },
  select: {
    settings: selectSettings,
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
  },
  fuse: { settings: fuseSettings, makes: z.strictObject({ model: inside }) },
  quantize: { settings: z.strictObject({}), makes: z.strictObject({ model: inside }) },
  cleanup: {
    settings: cleanupSettings,
    makes: z.strictObject({
      removed: z.array(z.strictObject({ stage: z.string(), path: inside, bytes: z.number() })),
      freed_bytes: z.number(),
    }),
  },
  eval: {
    settings: evalSettings,
    makes: z.strictObject({
      answers: inside,
      score,
      /** sha256 over everything that can change a score apart from the model: see core/score/eval-identity.ts. */
      eval_identity: z.string(),
      /** The parts of the identity: core/score/identity-parts.ts. Old manifests lack it. */
      eval_parts: z.record(z.string(), z.string()).optional(),
      /** The date in the prompts, or null if the chat template prints none. Old manifests lack it. */
      prompts_date: z.string().nullable().optional(),
      suite_sha256: z.string(),
      /**
       * Null if it was turned off, or could not be measured (a warning says why). Old manifests lack strict_categories.
       */
      base: baseScore.partial({ strict_categories: true }).nullable(),
      /**
       * Null if nothing was fused, or if it was turned off or could not be measured (a warning says why). Old manifests
       * lack it.
       */
      cost: cost.nullable().optional(),
      /** The adapter adds zero to every layer. Null if the run has no adapter. Old manifests lack it. */
      idle_adapter: z.boolean().nullable().optional(),
    }),
  },
} as const;

export type StageName = keyof typeof stages;
export type Settings<S extends StageName> = z.infer<(typeof stages)[S]['settings']>;
export type Made<S extends StageName> = z.infer<(typeof stages)[S]['makes']>;

/** Every path in the `made` of a stage, relative to the stage's folder. */
export function madePaths(made: Readonly<Record<string, unknown>>): string[] {
  const { adapter, model, answers, checkpoints } = made;
  const saved = Array.isArray(checkpoints) ? checkpoints.map((one: { readonly file?: unknown }) => one.file) : [];
  return [adapter, model, answers, ...saved].filter((path) => typeof path === 'string');
}

export const stageNames = Object.keys(stages) as readonly StageName[];
export const stageName = z.enum(stageNames as [StageName, ...StageName[]]);

/** `1-train`, `3-fuse`: the number is the position in the table, so a path never changes if a stage is left out. */
export const stageFolder = (stage: StageName): string => `${stageNames.indexOf(stage) + 1}-${stage}`;

/** `.1-train.a2`: where attempt 2 works until it is committed. */
export const attemptFolder = (stage: StageName, attempt: number): string => `.${stageFolder(stage)}.a${attempt}`;
