import * as z from 'zod';
import { command, path } from './paths.ts';
import { branchingStages, configSections, type SectionName, sectionNames } from './stages.ts';

const text = z.string();
/** Names that phasebox uses in artifacts/, in any case, since some disks ignore case. */
const reservedPhase = /^(base|plots)$|^results\.jsonl|\.(json|jsonl|md|html|svg)$/i;

export const phaseName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'letters, digits, . _ - (at most 64, the first a letter or digit)')
  .refine(
    (name) => !reservedPhase.test(name),
    'base, plots, names that start with results.jsonl, and names ending in .json .jsonl .md .html .svg are reserved',
  );

export const variantName = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,23}$/, 'lowercase letters, digits and _ (at most 24, the first a letter)')
  .refine((name) => !/^s\d+$/.test(name), 's + digits would read as a seed');

const seed = z.int().min(0).max(4_294_967_295);

export const baseline = z.union([
  z.string().min(1).describe('The name of a phase.'),
  z.strictObject({
    name: z.string().min(1).describe('Its name in the report.'),
    overall: z.number().min(0).max(100).optional().describe('Its overall score in %.'),
    categories: z.record(z.string(), z.number().min(0).max(100)).default({}).describe('Its categories in %.'),
    suite: path.optional().describe('The suite that these scores were measured on: its name or file.'),
  }),
]);

/** CEL over the scores. A longer formula was not written by a person. */
const formula = z.string().min(1).max(2000);

export const criteria = z.strictObject({
  gate: formula.optional().describe('Formula that decides pass or fail, such as `overall >= 82.4 && domain > 60`.'),
  /** The first match. One without `when` always matches. */
  outcomes: z
    // biome-ignore lint/suspicious/noThenProperty: the key of the config. A string does not make a thenable
    .array(z.strictObject({ when: formula.optional(), then: z.string().min(1) }))
    .default([])
    .describe('The outcome is the first entry whose `when` is true. An entry without `when` always matches.'),
});
export type Criteria = z.infer<typeof criteria>;

export const from = z.union([
  z.strictObject({
    run: z.string().min(1).describe('A run, such as 43a-s0.'),
    after: z.enum(branchingStages).describe('The last stage to reuse from that run.'),
  }),
  z.strictObject({ model: path.describe('A complete model, which is only evaluated.') }),
  z.strictObject({
    adapter: path.describe('A folder with an adapter of mlx_lm.'),
    checkpoint: z
      .int()
      .min(1)
      .optional()
      .describe('600 means 0000600_adapters.safetensors. If omitted, adapters.safetensors is used.'),
  }),
]);
export type From = z.infer<typeof from>;

const section = z.record(z.string(), z.unknown()).nullish();

/** What a variant may change. It is merged into the phase before that is validated, so all keys are optional. */
export const variantOverlay = z.strictObject(
  Object.fromEntries(sectionNames.map((name) => [name, section])) as Record<SectionName, typeof section>,
);

const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a name of an environment variable: letters, digits and _')
  .refine((name) => !/^(PHASEBOX_|HF_HUB_)/.test(name), 'PHASEBOX_* and HF_HUB_* are set by phasebox');

/** A config with its `extends` merged in. `from` decides which other keys are required: core/config/read-phase.ts. */
export const phase = z.strictObject({
  phase: phaseName.describe('Name of the experiment, and of its folder in `artifacts/`.'),
  title: text.optional().describe('One-line description of the experiment, shown in the report.'),
  hypothesis: text
    .optional()
    .describe('What you expect before the result is known. The report shows it with its date.'),
  notes: text.optional().describe('Free text.'),
  model: path.optional().describe('Base model: a folder, or the ID of a cached Hugging Face model.'),
  revision: z.string().min(1).optional().describe('Commit, branch or tag of a Hugging Face model.'),
  download: z
    .boolean()
    .default(false)
    .describe(
      'Download the model from the Hugging Face Hub if it is not cached. The download starts after the config is accepted. Without `download: true`, a missing model is an error.',
    ),
  data: path.optional().describe('Folder with `train.jsonl` and `valid.jsonl`.'),
  min_rows: z
    .strictObject({
      train: z
        .int()
        .min(1)
        .optional()
        .describe('If `train.jsonl` has fewer examples, the run is stopped before training.'),
      valid: z
        .int()
        .min(1)
        .optional()
        .describe('If `valid.jsonl` has fewer examples, the run is stopped before training.'),
    })
    .optional()
    .describe('Minimum number of examples. With fewer, the run is stopped before training.'),
  seeds: z
    .union([z.int().min(1).max(100), z.array(seed).min(1).max(1000)])
    .default([0])
    .describe('One run per seed. A number n means the seeds 0 to n-1. A seed that is listed twice is run twice.'),
  ...configSections,
  baseline: baseline
    .optional()
    .describe('What to compare with: the name of a phase, or scores as `{ name, overall, categories, suite }`.'),
  criteria: criteria.optional().describe('What counts as success, written before the result is known.'),
  variants: z
    .record(variantName, variantOverlay)
    .default({})
    .describe('Additional runs with different settings, such as `{ q4: { fuse: { q_bits: 4 } } }`.'),
  from: from.optional().describe('Start from a stage of another run, from an adapter, or from a complete model.'),
  extends: path.optional().describe('An accepted phase, or a file in the workspace, whose settings are inherited.'),
  env: z
    .record(variableName, z.string())
    .default({})
    .describe('Environment variables of the tools. `PHASEBOX_*` and `HF_HUB_*` are rejected.'),
  memory_gb: z
    .number()
    .positive()
    .optional()
    .describe(
      'Memory that the training may use, in GB (2^30 bytes). A training that uses more ends with OUT_OF_MEMORY. If omitted, `memory_gb` of phasebox.yaml is used.',
    ),
  preflight: z
    .array(command)
    .default([])
    .describe('Commands to run in the workspace before training. If one fails, the run fails.'),
  cooldown_s: z.number().min(0).default(0).describe('Seconds to wait after the run before the next run starts.'),
});
export type Phase = z.infer<typeof phase>;
