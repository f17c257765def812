import * as z from 'zod';
import { folderName } from './inside.ts';
import { criteria } from './phase.ts';
import { keptSections, stageName } from './stages.ts';

/** Where a run begins if not at train. Folders are absolute and hashed at acceptance. */
export const origin = z.union([
  z.strictObject({ run: folderName, after: stageName }),
  z.strictObject({ model: z.string(), sha256: z.string() }),
  z.strictObject({ adapter: z.string(), checkpoint: z.int().nullable(), sha256: z.string() }),
]);
export type Origin = z.infer<typeof origin>;

/** run.json: the resolved plan of one run. It is written once, at acceptance, and never changed. */
export const run = z.strictObject({
  version: z.literal(1),
  run: folderName,
  phase: folderName,
  seed: z.int(),
  variant: z.string().nullable(),
  /** Order of acceptance in this workspace, from 1. */
  number: z.int().min(1),
  accepted: z.string(),
  file: z.string(),
  title: z.string().nullable(),
  hypothesis: z.string().nullable(),
  /** As written, and its absolute folder once it is on this machine. Null if the run starts from a whole model. */
  model: z
    .strictObject({
      source: z.string(),
      folder: z.string().nullable(),
      revision: z.string().nullable(),
      download: z.boolean(),
    })
    .nullable(),
  data: z.strictObject({ source: z.string(), folder: z.string() }).nullable(),
  min_rows: z.record(z.string(), z.int()),
  from: origin.nullable(),
  chain: z.array(stageName).min(1),
  settings: z.strictObject(keptSections),
  /**
   * What the mlx_lm that was installed at acceptance uses for train settings that are left out. Absent if the run has no
   * training, and in a run.json of 0.1.0: events/stages/train-defaults.ts.
   */
  train_defaults: z.record(z.string(), z.unknown()).optional(),
  criteria: criteria.nullable(),
  /** A phase's name, or figures. */
  baseline: z
    .union([
      z.string(),
      z.strictObject({
        name: z.string(),
        overall: z.number().nullable(),
        categories: z.record(z.string(), z.number()),
        /** As written. Absent if not given. */
        suite: z.string().optional(),
        /** Whether that is the suite of this run. Absent if not known. */
        comparable: z.boolean().optional(),
      }),
    ])
    .nullable(),
  env: z.record(z.string(), z.string()),
  preflight: z.array(z.array(z.string())),
  cooldown_s: z.number(),
});
export type Run = z.infer<typeof run>;

/** artifacts/<phase>/phase.json: what was accepted under this name, to distinguish an extension from a change. */
export const phaseRecord = z.strictObject({
  version: z.literal(1),
  phase: folderName,
  accepted: z.string(),
  file: z.string(),
  /** The resolved phase, and the hash of gate, outcomes and baseline as pre-registered. */
  config: z.record(z.string(), z.unknown()),
  criteria_sha256: z.string(),
  runs: z.array(folderName),
  /** What was doubtful in the file. Records of 0.1.0 lack it. */
  warnings: z.array(z.string()).optional(),
});
export type PhaseRecord = z.infer<typeof phaseRecord>;
