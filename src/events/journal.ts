import * as z from 'zod';
import { stageName } from './stages.ts';

const at = z.iso.datetime();
const attempt = z.int().min(1);
const ofStage = { at, stage: stageName, attempt };

/**
 * A line of a run's journal.jsonl: decisions and history, in order. Decisions (accepted, started, failed, cancelled,
 * retried, row) are fsynced before anything acts on them. The other lines mark the steps between which a crash can
 * happen.
 */
export const journalLine = z.discriminatedUnion('event', [
  z.strictObject({ event: z.literal('accepted'), at, file: z.string() }),
  /**
   * A base model was found that was missing at acceptance. `revision` is its commit from now on, or null for a folder.
   * `warnings` says what is doubtful in it. Lines of 0.1.0 lack both.
   */
  z.strictObject({
    event: z.literal('fetched'),
    ...{ at, revision: z.string().nullable(), warnings: z.array(z.string()).optional() },
  }),
  z.strictObject({ event: z.literal('started'), at }),
  /** The run waits for disk space and keeps its place in the queue until it is `reserved`. */
  z.strictObject({ event: z.literal('disk_wait'), ...ofStage, message: z.string() }),
  z.strictObject({ event: z.literal('reserved'), ...ofStage, bytes: z.int().nullable() }),
  /** Another `up` resumed the attempt, which had worked for `seconds` until then, without waiting. */
  z.strictObject({ event: z.literal('resumed'), ...ofStage, seconds: z.number() }),
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
