import * as z from 'zod';
import { inside } from './inside.ts';
import { stageName } from './stages.ts';

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
