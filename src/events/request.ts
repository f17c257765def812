import * as z from 'zod';
import { stageName } from './stages.ts';

/** A run's id, or the name of a phase. */
const target = z.string().min(1);

/**
 * What a command writes to the socket of the process that owns the workspace, one JSON document a line. Handling one of
 * the first six twice has no further effect. `stage` is the first stage to run again, or null for the one that failed.
 *
 * A submission is followed by its files, a line each. When its turn has come, the owner sends `ready`, and it starts only
 * when the command then says `go`. So the request of a command that was stopped meanwhile leaves nothing behind.
 */
export const request = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('cancel'), target }),
  z.strictObject({ kind: z.literal('retry'), target, stage: stageName.nullable() }),
  z.strictObject({ kind: z.literal('pause'), target: target.nullable() }),
  z.strictObject({ kind: z.literal('resume'), target: target.nullable() }),
  z.strictObject({ kind: z.literal('prioritize'), target }),
  z.strictObject({ kind: z.literal('stop') }),
  z.strictObject({ kind: z.literal('submit'), files: z.int().min(1), again: z.boolean() }),
  z.strictObject({ kind: z.literal('file'), name: z.string(), base64: z.base64(), problem: z.string().nullable() }),
  z.strictObject({ kind: z.literal('go') }),
]);
type Line = z.infer<typeof request>;

/** A request about runs or about `up`. */
export type ControlRequest = Exclude<Line, { kind: 'submit' | 'file' | 'go' }>;

/** Configs that are submitted together, in their order. `again`: every seed once more. */
export interface Submission {
  readonly kind: 'submit';
  readonly again: boolean;
  readonly files: readonly SubmittedFile[];
}

/** A config as its author has it. */
export interface SubmittedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Why the command could not read it: it is reported with what is wrong with the other files. Null for a file that was read. */
  readonly problem: string | null;
}

export type Request = ControlRequest | Submission;

/** The result of a request, for one run or for all of `about` (a phase, or null for the workspace). */
export const outcome = z.strictObject({
  about: z.string().nullable(),
  did: z.enum([
    'unknown',
    'cancelled',
    'over',
    'held',
    'retried',
    'returned',
    'not_over',
    'done',
    'no_stage',
    'needed',
    'source_over',
    'input_removed',
    'paused',
    'finishes',
    'resumed',
    'still_paused',
    'not_paused',
    'prioritized',
    'nothing_waits',
    'stopped',
    'broker_stopped',
    'error',
  ]),
  /** What the sentence about it needs: a stage, a status, or names. */
  detail: z.string().nullable(),
});
export type Outcome = z.infer<typeof outcome>;

/** What became of one file of a submission. */
const submittedFile = z.strictObject({
  name: z.string(),
  /** What it asks for, in a line for people. */
  intention: z.string(),
  warnings: z.array(z.string()),
  runs: z.array(z.string()),
  /** `waiting`: it is kept, and accepted by the next scan or the next `up`. */
  state: z.enum(['accepted', 'rejected', 'waiting']),
  /** Where it lies below the inbox. */
  path: z.string(),
  /** Why it was rejected, or why it is not accepted yet. */
  why: z.string().nullable(),
});
export type SubmissionResult = z.infer<typeof submittedFile>;

/** What the owner writes back, a line each. `refused`: nothing was submitted, with the reasons for each wrong file. */
export const answer = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ready') }),
  z.strictObject({ kind: z.literal('outcomes'), outcomes: z.array(outcome).readonly() }),
  z.strictObject({ kind: z.literal('submitted'), files: z.array(submittedFile).readonly() }),
  z.strictObject({ kind: z.literal('refused'), reasons: z.array(z.string()) }),
  z.strictObject({ kind: z.literal('error'), message: z.string() }),
]);
export type Answer = Exclude<z.infer<typeof answer>, { kind: 'ready' }>;

/** .phasebox/control.json: how people changed the queue. Only the owner of the workspace writes it. */
export const control = z.strictObject({
  version: z.literal(1),
  /** Since when no new stage starts, or null if not paused. */
  paused: z.iso.datetime().nullable(),
  /** Runs and phases (a phase includes runs that are added later). */
  pauses: z.array(z.strictObject({ kind: z.enum(['run', 'phase']), name: z.string(), at: z.iso.datetime() })),
  /** Waiting runs that start before all others, in this order. */
  first: z.array(z.string()),
  /** How many rows `retry` removed: keeps the numbers of admissions increasing. */
  retried: z.int().min(0),
});
export type Control = z.infer<typeof control>;
