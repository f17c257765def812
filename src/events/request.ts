import * as z from 'zod';
import { stageName } from './stages.ts';

/** A run's id, or the name of a phase. */
const target = z.string().min(1);

/**
 * What a command asks of whoever owns the workspace: .phasebox/requests/<order>-<kind>.json. Handling one twice changes
 * nothing more. `stage`: from where a run is made anew; null: where it failed.
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

/** What came of a request, for one run or (`about` = a phase, or null = the workspace) for all of it. */
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
  /** What the sentence about it needs: a stage, a status, names. */
  detail: z.string().nullable(),
});
export type Outcome = z.infer<typeof outcome>;

/** Beside the request's file, until the command that asked has read it. */
export const answer = z.strictObject({ outcomes: z.array(outcome) });

/** .phasebox/control.json: what people want of the waiting line. Written only by the owner of the workspace. */
export const control = z.strictObject({
  version: z.literal(1),
  /** Since when no new stage starts; null: not paused. */
  paused: z.iso.datetime().nullable(),
  /** Runs and phases (of a phase also runs that are added later). */
  pauses: z.array(z.strictObject({ kind: z.enum(['run', 'phase']), name: z.string(), at: z.iso.datetime() })),
  /** Waiting runs that go before all others, in this order. */
  first: z.array(z.string()),
  /** How many rows `retry` took out: keeps the numbers of admissions growing. */
  retried: z.int().min(0),
});
export type Control = z.infer<typeof control>;
