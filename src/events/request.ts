import * as z from 'zod';
import { stageName } from './stages.ts';

/** A run's id, or the name of a phase. */
const target = z.string().min(1);

/**
 * What a command requests of the owner of the workspace: .phasebox/requests/<order>-<kind>.json. Handling a request
 * twice has no further effect. `stage` is the first stage to run again, or null for the one that failed.
 */
export const request = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('cancel'), target }),
  z.strictObject({ kind: z.literal('retry'), target, stage: stageName.nullable() }),
  z.strictObject({ kind: z.literal('pause'), target: target.nullable() }),
  z.strictObject({ kind: z.literal('resume'), target: target.nullable() }),
  z.strictObject({ kind: z.literal('prioritize'), target }),
  z.strictObject({ kind: z.literal('stop') }),
]);
export type Request = z.infer<typeof request>;

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

/** It is next to the request's file until the requesting command has read it. */
export const answer = z.strictObject({ outcomes: z.array(outcome) });

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
