import * as z from 'zod';
import { cost } from './cost.ts';
import { dataProfile } from './data-report.ts';
import { folderName } from './paths.ts';
import { estimateSources, host, servedBy } from './run.ts';
import { modeCounts } from './score.ts';
import { candidate } from './stages/select.ts';
import { stageName } from './stages.ts';
import { trainingFacts } from './training.ts';

const percent = z.number().nullable();
const categories = z.record(z.string(), z.number()).nullable();

/** One line of artifacts/results.jsonl, one per run. Unknown is null, never absent. Percent 0-100, unrounded. */
export const row = z.strictObject({
  run: folderName,
  phase: folderName,
  seed: z.int().nullable(),
  variant: z.string().nullable(),
  /** Base model as written in the config. Null if the run starts from a whole model. */
  model: z.string().nullable(),
  from: z.record(z.string(), z.unknown()).nullable(),
  status: z.enum(['done', 'failed', 'cancelled']),
  /** `overall` and `categories` are always lenient. This says which scores the formulas read. */
  score_by: z.enum(['lenient', 'strict']),
  overall: percent,
  strict: percent,
  categories,
  strict_categories: categories,
  modes: modeCounts.nullable(),
  category_modes: z.record(z.string(), modeCounts).nullable().default(null),
  base: z
    .strictObject({
      overall: z.number(),
      strict: z.number(),
      categories: z.record(z.string(), z.number()),
      /** Null if measured by a version that did not keep them. */
      strict_categories: categories.default(null),
      key: z.string(),
    })
    .nullable(),
  /** The phase's pre-registered reference at the time of the verdict, lenient or strict as `score_by` says. */
  baseline: z
    .strictObject({
      name: z.string(),
      overall: z.number().nullable(),
      categories: z.record(z.string(), z.number()),
      /** Whether figures are of this run's suite, or a phase's runs were evaluated like this one. Null if not known. */
      comparable: z.boolean().nullable().default(null),
    })
    .nullable(),
  checkpoint: z.int().nullable(),
  /** Null if the checkpoint was the last one or given with an adapter. Percent, and `optimism` in points. */
  selection: z
    .strictObject({
      by: z.enum(['val_loss', 'suite']),
      suite_sha256: z.string().nullable(),
      same_suite: z.boolean(),
      candidates: z.array(candidate),
      optimism: z.number().nullable(),
    })
    .nullable()
    .default(null),
  /** What fusing and quantizing cost. Null if nothing was fused, or if it was turned off or not measured. */
  cost: cost.nullable().default(null),
  /** The adapter adds zero, so the model is the base. Null if there is none, or it was not checked. */
  idle_adapter: z.boolean().nullable().default(null),
  /** What happened in the training besides its losses. Null without a training of this run, and in rows of 0.1.0. */
  training: trainingFacts.nullable().default(null),
  metrics: z.strictObject({ val_loss: z.number().nullable(), train_loss: z.number().nullable() }),
  verdict: z.enum(['pass', 'fail']).nullable(),
  outcome: z.string().nullable(),
  /** Why verdict or outcome is null although the config has criteria. */
  verdict_reason: z.string().nullable(),
  started: z.string().nullable(),
  ended: z.string(),
  /** Stage -> seconds, the sum of all attempts. */
  seconds: z.record(z.string(), z.number()),
  /**
   * Seconds that the run was estimated to take when it started, and that it took, in all and by stage. Null if nothing
   * was estimated, as in rows of 0.1.0.
   */
  estimate: z
    .strictObject({
      seconds: z.number(),
      taken: z.number(),
      stages: z.record(z.string(), z.strictObject({ seconds: z.number(), taken: z.number().nullable() })),
      from: z.enum(estimateSources),
    })
    .nullable()
    .default(null),
  bytes: z.strictObject({
    temp_peak: z.int().nullable(),
    estimated_peak: z.int().nullable(),
    final: z.int().nullable(),
  }),
  /** How many answers were asked again because they took too long. Null if not known, as in rows of 0.1.0. */
  asked_again: z.int().nullable().default(null),
  eval_identity: z.string().nullable(),
  /** The parts of the identity, sha256 each: core/score/measured.ts. Null in rows of 0.1.0. */
  eval_parts: z.record(z.string(), z.string()).nullable().default(null),
  /** The inputs and outputs by content (sha256), and how they were verified. Null if not known. */
  custody: z.strictObject({
    data: z.string().nullable(),
    base: z.string().nullable(),
    adapter: z.string().nullable(),
    /** The iteration of the weights in `adapter`. */
    iteration: z.int().nullable().default(null),
    /** The weights from which training started (a warm start). */
    resume: z.string().nullable().default(null),
    model: z.string().nullable(),
    suite: z.string().nullable(),
    /** The suite's prompts as the chat template rendered them: a hash over their token ids. */
    prompts: z.string().nullable().default(null),
    /** The date that the chat template printed into them (2026-11-28), or null if it printed none. */
    prompts_date: z.string().nullable().default(null),
    /** A hash of what the config asks for, without names and seed. */
    config: z.string().nullable().default(null),
    /** The server whose answers were scored. */
    server: servedBy.nullable().default(null),
    /** Where the last stage ran. */
    host: host.nullable().default(null),
  }),
  versions: z.record(z.string(), z.string()),
  /** What was taught, counted before training. */
  profile: dataProfile.nullable(),
  warnings: z.array(z.string()),
  error: z
    .strictObject({
      code: z.string(),
      message: z.string(),
      stage: stageName.nullable(),
      attempt: z.int().nullable(),
      log: z.array(z.string()),
    })
    .nullable(),
});
export type Row = z.infer<typeof row>;

/** `error.code` in the row of a cancelled run. All other codes are in the catalogue of core/errors.ts. */
export const cancelled = 'CANCELLED';

/** What `status` and the start of `up` read: checking all fields takes half of their time with 10,000 rows. */
export const rowHead = z.object(
  row.pick({
    run: true,
    phase: true,
    status: true,
    overall: true,
    strict: true,
    score_by: true,
    seconds: true,
    verdict: true,
    outcome: true,
    error: true,
  }).shape,
);
export type RowHead = z.infer<typeof rowHead>;
