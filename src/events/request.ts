import * as z from 'zod';
import { stageName } from './stages.ts';

/** A run's id, or the name of a phase. */
const target = z.string().min(1);

/**
 * What a command writes to the owner's socket, one JSON document per line. Handling one of the first seven twice has no
 * further effect. `stage` is the first stage to run again, or null for the one that failed. A submission is followed by
 * its files. The owner then sends `ready` and waits for `go`, so that a command that was stopped leaves nothing behind.
 */
export const request = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('cancel'), target }),
  z.strictObject({ kind: z.literal('retry'), target, stage: stageName.nullable() }),
  /** `now`: a stage that works is interrupted. 0.1.0 does not know the key, which is absent if it is not asked for. */
  z.strictObject({ kind: z.literal('pause'), target: target.nullable(), now: z.literal(true).optional() }),
  z.strictObject({ kind: z.literal('resume'), target: target.nullable() }),
  z.strictObject({ kind: z.literal('prioritize'), target }),
  /** The name of a phase. `undo` brings it back. */
  z.strictObject({ kind: z.literal('forget'), target, undo: z.boolean() }),
  z.strictObject({ kind: z.literal('stop') }),
  z.strictObject({ kind: z.literal('submit'), files: z.int().min(1), again: z.boolean() }),
  z.strictObject({ kind: z.literal('file'), name: z.string(), base64: z.base64(), problem: z.string().nullable() }),
  z.strictObject({ kind: z.literal('go') }),
]);
type Line = z.infer<typeof request>;

/** A request about runs or about `up`. */
export type ControlRequest = Exclude<Line, { kind: 'submit' | 'file' | 'go' }>;

/** Configs that are submitted together, in their order. `again` runs every seed once more. */
export interface Submission {
  readonly kind: 'submit';
  readonly again: boolean;
  readonly files: readonly SubmittedFile[];
}

/** A config as its author has it. */
export interface SubmittedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Why the command could not read it, reported with the problems of other files. Null if it was read. */
  readonly problem: string | null;
}

export type Request = ControlRequest | Submission;

/** The name of a run or phase. */
const name = z.string();

/** The result of a request, for one run or for all of `about` (a phase, or null for the workspace). */
export const outcome = z.discriminatedUnion('did', [
  z.strictObject({
    about: name,
    did: z.enum(['unknown', 'cancelled', 'over', 'prioritized', 'nothing_waits', 'restored', 'not_forgotten']),
    detail: z.null(),
  }),
  z.strictObject({
    about: name.nullable(),
    did: z.enum(['paused', 'resumed', 'not_paused', 'stopped', 'broker_stopped']),
    detail: z.null(),
  }),
  /** `detail`: the stage at which the run resumes, or null if none is left. */
  z.strictObject({ about: name, did: z.literal('retried'), detail: stageName.nullable() }),
  z.strictObject({ about: name, did: z.literal('not_over'), detail: z.enum(['waiting', 'started']) }),
  /** `detail`: the stage that finishes, that saves its state and ends, that is interrupted, or that is to be retried. */
  z.strictObject({
    about: name,
    did: z.enum(['finishes', 'saves', 'interrupted', 'input_removed']),
    detail: stageName,
  }),
  /** `detail`: the run or phase that is paused, or null for the workspace. */
  z.strictObject({ about: name, did: z.literal('still_paused'), detail: name.nullable() }),
  /**
   * `detail`: for people, the names of folders, phases, runs or stages, with commas. `held` (an
   * old name, which `up` of other versions sends too): what runs in these folders was not verified to be ours.
   */
  z.strictObject({
    about: name,
    did: z.enum([
      ...['held', 'returned', 'done', 'no_stage', 'needed', 'source_over'],
      ...['forgotten', 'only_phase', 'not_over_yet', 'read_by', 'name_used', 'source_forgotten'],
    ] as const),
    detail: z.string(),
  }),
  /** `detail`: what went wrong. */
  z.strictObject({ about: name.nullable(), did: z.literal('error'), detail: z.string() }),
]);
export type Outcome = z.infer<typeof outcome>;

/** The result for one file of a submission. */
const submittedFile = z.strictObject({
  name: z.string(),
  /** What it requests, as one line for people. */
  intention: z.string(),
  warnings: z.array(z.string()),
  runs: z.array(z.string()),
  /** Whether some of the runs are new. */
  adds: z.boolean(),
  /** `waiting`: it is kept, and accepted by the next scan or the next `up`. */
  state: z.enum(['accepted', 'rejected', 'waiting']),
  /** Its path below the inbox. */
  path: z.string(),
  /** Why it was rejected, or why it is not accepted yet. */
  why: z.string().nullable(),
});
export type SubmissionResult = z.infer<typeof submittedFile>;

/** What the owner writes back, one line each. `refused` means that nothing was submitted, with reasons per file. */
export const answer = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ready') }),
  z.strictObject({ kind: z.literal('outcomes'), outcomes: z.array(outcome).readonly() }),
  z.strictObject({ kind: z.literal('submitted'), files: z.array(submittedFile).readonly() }),
  z.strictObject({ kind: z.literal('refused'), reasons: z.array(z.string()) }),
  z.strictObject({ kind: z.literal('error'), message: z.string() }),
]);
export type RequestAnswer = Exclude<z.infer<typeof answer>, { kind: 'ready' }>;

/** .phasebox/control.json: how people changed the queue. Only the owner of the workspace writes it. */
export const control = z.strictObject({
  version: z.literal(1),
  /** Since when no new stage starts, or null if not paused. */
  paused: z.iso.datetime().nullable(),
  /** Runs and phases (a phase includes runs that are added later). */
  pauses: z.array(z.strictObject({ kind: z.enum(['run', 'phase']), name: z.string(), at: z.iso.datetime() })),
  /** Waiting runs that start before all others, in this order. */
  first: z.array(z.string()),
  /** How many rows `retry` and `forget` took out of the count: keeps the numbers of admissions increasing. */
  retried: z.int().min(0),
});
export type Control = z.infer<typeof control>;
