import * as z from 'zod';
import { stageName } from './stages.ts';

const at = z.iso.datetime();
const attempt = z.int().min(1);
const ofStage = { at, stage: stageName, attempt };

/**
 * A line of a run's journal.jsonl: decisions and history, in order. Decisions (accepted, started, failed, cancelled,
 * retried, row) are fsynced before they are acted on; the others tell the boundaries that a crash can fall between.
 */
export const journalLine = z.discriminatedUnion('event', [
  z.strictObject({ event: z.literal('accepted'), at, file: z.string() }),
  /**
   * The base model was found that was not here at acceptance. `revision`: its commit from now on; null: a folder.
   * `warnings`: what is doubtful in it. Lines of 0.1.0 lack them.
   */
  z.strictObject({
    event: z.literal('fetched'),
    ...{ at, revision: z.string().nullable(), warnings: z.array(z.string()).optional() },
  }),
  z.strictObject({ event: z.literal('started'), at }),
  /** It waits for disk space, in its place in the line, until it is `reserved`. */
  z.strictObject({ event: z.literal('disk_wait'), ...ofStage, message: z.string() }),
  z.strictObject({ event: z.literal('reserved'), ...ofStage, bytes: z.int().nullable() }),
  /** Another process of `up` took the attempt over. `seconds`: how long the attempt had worked until then, waiting left out. */
  z.strictObject({ event: z.literal('resumed'), ...ofStage, seconds: z.number() }),
  z.strictObject({ event: z.literal('tool_started'), ...ofStage, argv: z.array(z.string()) }),
  z.strictObject({ event: z.literal('tool_ended'), ...ofStage, code: z.int().nullable() }),
  z.strictObject({ event: z.literal('verified'), ...ofStage }),
  z.strictObject({ event: z.literal('committed'), ...ofStage, seconds: z.number() }),
  /** `retry_at` null: final, the run is over. `log`: last lines of the tool's log. */
  z.strictObject({
    event: z.literal('failed'),
    ...ofStage,
    code: z.string(),
    message: z.string(),
    log: z.array(z.string()),
    seconds: z.number(),
    retry_at: at.nullable(),
  }),
  /** The run never got to a stage of its own: its source failed or was cancelled. */
  z.strictObject({ event: z.literal('source_failed'), at, message: z.string() }),
  z.strictObject({ event: z.literal('cancelled'), at }),
  /** From here on attempts count anew: failures before this line are history. */
  z.strictObject({ event: z.literal('retried'), at, stage: stageName.nullable() }),
  z.strictObject({ event: z.literal('row'), at }),
]);
export type JournalLine = z.infer<typeof journalLine>;
