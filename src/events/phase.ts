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
    'base, plots and names ending in .json .jsonl .md .html .svg are taken by phasebox',
  );

export const variantName = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,23}$/, 'small letters, digits and _ (at most 24, the first a letter)')
  .refine((name) => !/^s\d+$/.test(name), 's + digits would read as a seed');

const seed = z.int().min(0).max(4_294_967_295);

export const baseline = z.union([
  z.string().min(1).describe('The name of a phase.'),
  z.strictObject({
    name: z.string().min(1).describe('Its name in the report.'),
    overall: z.number().min(0).max(100).optional().describe('Its overall score in %.'),
    categories: z.record(z.string(), z.number().min(0).max(100)).default({}).describe('Its categories in %.'),
    suite: path.optional().describe('The suite that these figures were measured on: its name or its file.'),
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
    .describe('The first one whose `when` holds is the outcome. One without `when` always holds.'),
});
export type Criteria = z.infer<typeof criteria>;

export const from = z.union([
  z.strictObject({
    run: z.string().min(1).describe('A run, such as 43a-s0.'),
    after: z.enum(branchingStages).describe('The last stage that is taken over from it.'),
  }),
  z.strictObject({ model: path.describe('A whole model, which is only evaluated.') }),
  z.strictObject({
    adapter: path.describe('A folder with an adapter of mlx_lm.'),
    checkpoint: z
      .int()
      .min(1)
      .optional()
      .describe('600 means 0000600_adapters.safetensors. Absent: adapters.safetensors.'),
  }),
]);
export type From = z.infer<typeof from>;

const section = z.record(z.string(), z.unknown()).nullish();

/**
 * What a variant may change. All keys are optional, since it is merged into the phase before the phase is validated
 * again.
 */
export const variantOverlay = z.strictObject(
  Object.fromEntries(sectionNames.map((name) => [name, section])) as Record<SectionName, typeof section>,
);

const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a name of an environment variable: letters, digits and _')
  .refine((name) => !/^(PHASEBOX_|HF_HUB_)/.test(name), 'PHASEBOX_* and HF_HUB_* are set by phasebox');

/**
 * A phase config with its `extends` merged in. Which other keys are required depends on `from`:
 * core/config/read-phase.ts.
 */
export const phase = z.strictObject({
  phase: phaseName.describe('Name of the experiment, and of its folder in `artifacts/`.'),
  title: text.optional().describe('One line about the experiment, for the report.'),
  hypothesis: text
    .optional()
    .describe('What you expect before the result is known. The report shows it with its date.'),
  notes: text.optional().describe('Free text.'),
  model: path.optional().describe('Base model: a folder, or a hub id that is in the cache.'),
  revision: z.string().min(1).optional().describe('Commit, branch or tag of a hub model.'),
  download: z
    .boolean()
    .default(false)
    .describe('Fetch the model after acceptance if it is not in the cache. Without it, a missing model is an error.'),
  data: path.optional().describe('Folder with `train.jsonl` and `valid.jsonl`.'),
  min_rows: z
    .strictObject({
      train: z.int().min(1).optional().describe('If `train.jsonl` has fewer rows, the training is stopped.'),
      valid: z.int().min(1).optional().describe('If `valid.jsonl` has fewer rows, the training is stopped.'),
    })
    .optional()
    .describe('Fewer rows than these stop the training.'),
  seeds: z
    .union([z.int().min(1).max(100), z.array(seed).min(1).max(1000)])
    .default([0])
    .describe('One run per seed. A number n means the seeds 0 to n-1. A seed given twice is run twice.'),
  ...configSections,
  baseline: baseline
    .optional()
    .describe('What to compare with: the name of a phase, or figures as `{ name, overall, categories, suite }`.'),
  criteria: criteria.optional().describe('What counts as success, written before the result is known.'),
  variants: z
    .record(variantName, variantOverlay)
    .default({})
    .describe('Further runs with other settings, such as `{ q4: { fuse: { q_bits: 4 } } }`.'),
  from: from.optional().describe('Start later: after a stage of another run, with an adapter, or with a whole model.'),
  extends: path.optional().describe('An accepted phase, or a file in the workspace, whose settings are inherited.'),
  env: z
    .record(variableName, z.string())
    .default({})
    .describe('Environment variables of the tools. `PHASEBOX_*` and `HF_HUB_*` are refused.'),
  preflight: z
    .array(command)
    .default([])
    .describe('Commands to run in the workspace before the training. If one fails, the run fails.'),
  cooldown_s: z.number().min(0).default(0).describe('Seconds to wait after the run, before the next one.'),
});
export type Phase = z.infer<typeof phase>;
