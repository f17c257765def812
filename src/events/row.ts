import * as z from 'zod';
import { cost } from './cost.ts';
import { folderName } from './inside.ts';
import { host, servedBy } from './manifest.ts';
import { dataProfile } from './profile.ts';
import { modes } from './score.ts';
import { candidate, stageName } from './stages.ts';

const percent = z.number().nullable();
const categories = z.record(z.string(), z.number()).nullable();

/** One line of artifacts/results.jsonl, one a run. Unknown is null, never absent. Percent 0-100, unrounded. */
export const row = z.strictObject({
  run: folderName,
  phase: folderName,
  seed: z.int().nullable(),
  variant: z.string().nullable(),
  /** Base model as written in the config; null: the run starts from a whole model. */
  model: z.string().nullable(),
  from: z.record(z.string(), z.unknown()).nullable(),
  status: z.enum(['done', 'failed', 'cancelled']),
  /** `overall` and `categories` are lenient whatever this says: it tells which ones the formulas read. */
  score_by: z.enum(['lenient', 'strict']),
  overall: percent,
  strict: percent,
  categories,
  strict_categories: categories,
  modes: z.record(z.enum(modes), z.int()).nullable(),
  category_modes: z
    .record(z.string(), z.record(z.enum(modes), z.int()))
    .nullable()
    .default(null),
  base: z
    .strictObject({
      overall: z.number(),
      strict: z.number(),
      categories: z.record(z.string(), z.number()),
      /** Null: measured by a version that did not keep them. */
      strict_categories: categories.default(null),
      key: z.string(),
    })
    .nullable(),
  /** The phase's pre-registered reference as it was when the verdict was made: lenient or strict as `score_by` says. */
  baseline: z
    .strictObject({
      name: z.string(),
      overall: z.number().nullable(),
      categories: z.record(z.string(), z.number()),
      /** Figures: measured on the suite of this run. A phase: its runs were evaluated like this one. Null: not known. */
      comparable: z.boolean().nullable().default(null),
    })
    .nullable(),
  checkpoint: z.int().nullable(),
  /** How the checkpoint was chosen; null: the last one, or given with an adapter. Percent; `optimism` in points. */
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
  /** What fusing and quantizing cost; null: nothing was fused, not asked for, or not measured. */
  cost: cost.nullable().default(null),
  /** The adapter adds zero to every layer, so the model is the base. Null: no adapter, or an earlier version did not look. */
  idle_adapter: z.boolean().nullable().default(null),
  metrics: z.strictObject({ val_loss: z.number().nullable(), train_loss: z.number().nullable() }),
  verdict: z.enum(['pass', 'fail']).nullable(),
  outcome: z.string().nullable(),
  /** Why verdict or outcome is null although one was asked for. */
  verdict_reason: z.string().nullable(),
  started: z.string().nullable(),
  ended: z.string(),
  /** Stage -> seconds, sum of all attempts. */
  seconds: z.record(z.string(), z.number()),
  bytes: z.strictObject({
    temp_peak: z.int().nullable(),
    estimated_peak: z.int().nullable(),
    final: z.int().nullable(),
  }),
  eval_identity: z.string().nullable(),
  /** What the identity is made of, sha256 by part: core/score/identity-parts.ts. Null: written by 0.1.0. */
  eval_parts: z.record(z.string(), z.string()).nullable().default(null),
  /** What was used, by content (sha256), and how it is known to be that. Null: not known. */
  custody: z.strictObject({
    data: z.string().nullable(),
    base: z.string().nullable(),
    adapter: z.string().nullable(),
    /** The iteration whose weights `adapter` holds. */
    iteration: z.int().nullable().default(null),
    /** Weights that the training went on from (a warm restart). */
    resume: z.string().nullable().default(null),
    model: z.string().nullable(),
    suite: z.string().nullable(),
    /** The suite's prompts as the chat template rendered them, over their token ids. */
    prompts: z.string().nullable().default(null),
    /** The date that the chat template printed into them (2026-11-28); null: it printed none. */
    prompts_date: z.string().nullable().default(null),
    /** Of what the config asks for, without names and seed. */
    config: z.string().nullable().default(null),
    /** The server whose answers were judged. */
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

/** `error.code` of a cancelled run's row; all others are in the catalogue of core/errors.ts. */
export const cancelled = 'CANCELLED';

/** What `status` and the start of `up` read of a row: checking all fields of 10,000 rows takes half of their time. */
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
