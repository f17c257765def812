import { z } from 'zod';
import { stageName } from './stages.ts';

/** An output of a stage. Hashed once, at commit; later checks compare size, mtime and inode. */
export const outputFile = z.strictObject({
  path: z.string(),
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
  removed: z.strictObject({ at: z.string(), paths: z.array(z.string()) }).nullable(),
});
export type Manifest = z.infer<typeof manifest>;
