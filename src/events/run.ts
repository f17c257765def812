import * as z from 'zod';
import { folderName, inside } from './paths.ts';
import { criteria } from './phase.ts';
import { rehearsalResult } from './rehearsal.ts';
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
  /** What mlx_lm used at acceptance for settings that are left out. Absent without training and in 0.1.0 (train.ts). */
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
  /** The limit of the training's memory (2^30 bytes). Absent if the phase has none. */
  memory_gb: z.number().optional(),
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

/** From what times are estimated, the most certain first. */
export const estimateSources = ['measured slope', 'rehearsal', 'history', 'rule of thumb'] as const;
export type EstimateSource = (typeof estimateSources)[number];

/** Seconds by stage, estimated when a run started. `from` is the least certain source of those that matter. */
export const estimated = z.strictObject({
  seconds: z.record(z.string(), z.number()),
  from: z.enum(estimateSources),
});

const at = z.iso.datetime();
const attempt = z.int().min(1);
const ofStage = { at, stage: stageName, attempt };

/**
 * A line of a run's journal.jsonl, in order. Decisions (accepted, started, failed, cancelled, retried, row) are fsynced
 * before anything acts on them. The other lines mark the steps between which a crash can happen.
 */
export const journalLine = z.discriminatedUnion('event', [
  z.strictObject({ event: z.literal('accepted'), at, file: z.string() }),
  /** A missing base model was found. `revision` is its commit, or null for a folder. 0.1.0 wrote neither key. */
  z.strictObject({
    event: z.literal('fetched'),
    ...{ at, revision: z.string().nullable(), warnings: z.array(z.string()).optional() },
  }),
  /** The training was rehearsed before the run starts. If an error was found, the run is held until it is retried. */
  z.strictObject({ event: z.literal('rehearsed'), at, key: z.string(), result: rehearsalResult }),
  /** `estimate`: seconds by stage, as they were estimated then. Lines of 0.1.0 lack it. */
  z.strictObject({ event: z.literal('started'), at, estimate: estimated.optional() }),
  /** The run waits for disk space and keeps its place in the queue until it is `reserved`. */
  z.strictObject({ event: z.literal('disk_wait'), ...ofStage, message: z.string() }),
  z.strictObject({ event: z.literal('reserved'), ...ofStage, bytes: z.int().nullable() }),
  /** Another `up` resumed the attempt, which had worked for `seconds` until then, without waiting. */
  z.strictObject({ event: z.literal('resumed'), ...ofStage, seconds: z.number() }),
  /** The training continued after this iteration, from a state that an earlier process had saved. */
  z.strictObject({ event: z.literal('training_resumed'), ...ofStage, iteration: z.int() }),
  z.strictObject({ event: z.literal('tool_started'), ...ofStage, argv: z.array(z.string()) }),
  z.strictObject({ event: z.literal('tool_ended'), ...ofStage, code: z.int().nullable() }),
  z.strictObject({ event: z.literal('verified'), ...ofStage }),
  z.strictObject({ event: z.literal('committed'), ...ofStage, seconds: z.number() }),
  /** If `retry_at` is null, the run is finished. `log` has the last lines of the tool's log. */
  z.strictObject({
    event: z.literal('failed'),
    ...ofStage,
    code: z.string(),
    message: z.string(),
    log: z.array(z.string()),
    seconds: z.number(),
    retry_at: at.nullable(),
  }),
  /** The run never started a stage, since its source failed or was cancelled. */
  z.strictObject({ event: z.literal('source_failed'), at, message: z.string() }),
  z.strictObject({ event: z.literal('cancelled'), at }),
  /** The number of attempts restarts here: failures before this line are history. */
  z.strictObject({ event: z.literal('retried'), at, stage: stageName.nullable() }),
  z.strictObject({ event: z.literal('row'), at }),
]);
export type JournalLine = z.infer<typeof journalLine>;

/** An output of a stage. It is hashed once, at commit. Later checks compare size, mtime and inode. */
export const outputFile = z.strictObject({
  path: inside,
  bytes: z.int(),
  mtime_ms: z.number(),
  inode: z.number(),
  sha256: z.string(),
});
export type OutputFile = z.infer<typeof outputFile>;

/** The manifest.json in a folder that runs share (the base's score). `made` is ISO 8601 UTC. */
export const sharedManifest = z.strictObject({
  version: z.literal(1),
  key: z.string(),
  made: z.string(),
  outputs: z.array(outputFile),
});
export type SharedManifest = z.infer<typeof sharedManifest>;

/** The machine on which a stage ran. */
export const host = z.strictObject({
  name: z.string(),
  /** `darwin 24.1.0 arm64` */
  system: z.string(),
  cpu: z.string(),
  memory_bytes: z.int(),
});
export type Host = z.infer<typeof host>;

/** A model server that was verified to be our own child process, and how. */
export const servedBy = z.strictObject({
  /** Subfolder of the stage with its log: `server`, or `server.2` after a restart. */
  name: inside,
  /** A request for it was found in the log of our child process, which no other process can have written. */
  nonce: z.string(),
  /** The model id in every answer. An answer with another one fails the attempt. */
  model_id: z.string(),
  /** Number of answers with it. */
  answers: z.int(),
});
export type ServedBy = z.infer<typeof servedBy>;

/** The manifest.json of a finished stage. A stage is finished if and only if this file exists. */
export const manifest = z.strictObject({
  version: z.literal(1),
  run: z.string(),
  stage: stageName,
  attempt: z.int(),
  /** The inputs: name -> content hash (a model, an adapter, a data set, a suite). */
  inputs: z.record(z.string(), z.string()),
  outputs: z.array(outputFile),
  /** argv of every tool that ran, in order. */
  commands: z.array(z.array(z.string())),
  versions: z.record(z.string(), z.string()),
  /** Null (and an empty list) in manifests of versions that did not record these. */
  host: host.nullable().default(null),
  servers: z.array(servedBy).default([]),
  /** sha256 of what the config asks for, without names and seed: core/run/custody.ts. */
  config_sha256: z.string().nullable().default(null),
  started: z.string(),
  ended: z.string(),
  seconds: z.number(),
  /** The largest observed size of the attempt folder, and what was reserved for it. */
  peak_bytes: z.int(),
  estimated_bytes: z.int().nullable(),
  warnings: z.array(z.string()),
  /** The stage's own facts: the `makes` of its row in stages.ts. */
  made: z.record(z.string(), z.unknown()),
  /** Set by a later cleanup: outputs (paths) that were deleted on purpose, and when. */
  removed: z.strictObject({ at: z.string(), paths: z.array(inside) }).nullable(),
});
export type Manifest = z.infer<typeof manifest>;
