import * as z from 'zod';
import { inside } from './inside.ts';
import { stageName } from './stages.ts';

/** An output of a stage. Hashed once, at commit; later checks compare size, mtime and inode. */
export const outputFile = z.strictObject({
  path: inside,
  bytes: z.int(),
  mtime_ms: z.number(),
  inode: z.number(),
  sha256: z.string(),
});
export type OutputFile = z.infer<typeof outputFile>;

/** What a folder that runs share (the base's score) leaves in itself: manifest.json. `made`: ISO 8601 UTC. */
export const sharedManifest = z.strictObject({
  version: z.literal(1),
  key: z.string(),
  made: z.string(),
  outputs: z.array(outputFile),
});
export type SharedManifest = z.infer<typeof sharedManifest>;

/** The machine that a stage ran on. */
export const host = z.strictObject({
  name: z.string(),
  /** `darwin 24.1.0 arm64` */
  system: z.string(),
  cpu: z.string(),
  memory_bytes: z.int(),
});
export type Host = z.infer<typeof host>;

/** A model server that was proven to be our own child, and how. */
export const servedBy = z.strictObject({
  /** Subfolder of the stage that holds its log: `server`, or `server.2` when it was started again. */
  name: inside,
  /** What it was asked for and what stood in the log of our child afterwards: no other process can have written it. */
  nonce: z.string(),
  /** The model id that every answer bore; an answer with another one fails the attempt. */
  model_id: z.string(),
  /** How many answers bore it. */
  answers: z.int(),
});
export type ServedBy = z.infer<typeof servedBy>;

/** What a finished stage leaves in its folder: manifest.json. Its presence is what "finished" means. */
export const manifest = z.strictObject({
  version: z.literal(1),
  run: z.string(),
  stage: stageName,
  attempt: z.int(),
  /** What was read: name -> content hash (a model, an adapter, a data set, a suite). */
  inputs: z.record(z.string(), z.string()),
  outputs: z.array(outputFile),
  /** argv of every tool that ran, in order. */
  commands: z.array(z.array(z.string())),
  versions: z.record(z.string(), z.string()),
  /** Null, and none: made by a version that did not note them. */
  host: host.nullable().default(null),
  servers: z.array(servedBy).default([]),
  /** sha256 of what the config asks for, without names and seed: core/run/custody.ts. */
  config_sha256: z.string().nullable().default(null),
  started: z.string(),
  ended: z.string(),
  seconds: z.number(),
  /** Largest size of the attempt folder seen while it worked, and what was reserved for it. */
  peak_bytes: z.int(),
  estimated_bytes: z.int().nullable(),
  warnings: z.array(z.string()),
  /** The stage's own facts: the `makes` of its row in stages.ts. */
  made: z.record(z.string(), z.unknown()),
  /** Set by a later cleanup: outputs (paths) that are gone on purpose, since when. */
  removed: z.strictObject({ at: z.string(), paths: z.array(inside) }).nullable(),
});
export type Manifest = z.infer<typeof manifest>;
