import { workedBefore } from '../../core/run/worked.ts';
import type { StageEvent } from '../../events/events.ts';
import type { JournalLine, ServedBy } from '../../events/run.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import type { JobProgress } from '../../io/broker/consumer.ts';
import { acquireMachine, type MachineClaim, type MachineSlot } from '../../io/claim/machine-slot.ts';
import { toolSpans } from '../../io/tool/tool-folders.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** What a stage records in addition to its outputs: for the manifest. */
export interface Notes {
  readonly inputs: Record<string, string>;
  readonly commands: string[][];
  readonly warnings: string[];
  readonly servers: ServedBy[];
  estimated_bytes: number | null;
  /** The largest size of its folder that the stage itself knows, in bytes. */
  peak_bytes: number;
  /** Time that the attempt waited for the machine or the disk. */
  waited_ms: number;
}

/** The notes of an attempt that begins. */
export const openNotes = (): Notes => ({
  inputs: {},
  commands: [],
  warnings: [],
  servers: [],
  estimated_bytes: null,
  peak_bytes: 0,
  waited_ms: 0,
});

/** One try of a stage, while it works. */
export interface Attempt {
  readonly stored: StoredRun;
  readonly event: StageEvent;
  readonly dir: string;
  readonly board: JobProgress;
  readonly notes: Notes;
}

/** Seconds that an attempt (in `dir`) worked under earlier processes of `up`. Null if it has not begun. */
export const workedSoFar = async (
  journal: readonly JournalLine[],
  event: Pick<StageEvent, 'stage' | 'attempt'>,
  dir: string,
): Promise<number | null> => workedBefore(journal, event, { spans: await toolSpans(dir), now: Date.now() });

/** Once per attempt: for the manifest, and so for the row, for the log and the dashboard. */
export function warnOnce(runtime: Runtime, { event, notes, board }: Attempt, text: string): void {
  if (notes.warnings.includes(text)) return;
  notes.warnings.push(text);
  runtime.log.warn({ run: event.run, stage: event.stage }, text);
  board.log(`warning: ${text}`);
}

/** Waits until no other model-loading tool of this user runs on the machine, and reports what it waits for. */
export function holdMachine(
  runtime: Runtime,
  attempt: Attempt,
  { dir, server }: Pick<MachineClaim, 'dir' | 'server'>,
): Promise<MachineSlot> {
  const { run, stage } = attempt.event;
  const claim = { dir, server, what: `${stage} of ${run}`, workspace: runtime.workspace.root };
  return waiting(runtime, attempt, (onWait) => acquireMachine(claim, { signal: runtime.signal, onWait }));
}

/** Shows what an attempt waits for: on terminal, board and log. */
export function tellWait(runtime: Runtime, { stored, event, board }: Attempt, text: string): void {
  const live = runtime.busyRuns.get(event.run);
  if (live !== undefined) live.waits = text;
  board.log(text);
  runtime.log.info({ run: event.run, stage: event.stage, attempt: event.attempt }, text);
  runtime.notice({ kind: 'waits', stored, stage: event.stage, text });
}

/** Waits for something outside, shown on terminal, board and log. The time does not count as the stage's. */
export async function waiting<T>(
  runtime: Runtime,
  attempt: Attempt,
  wait: (onWait: (text: string) => void) => Promise<T>,
): Promise<T> {
  const live = runtime.busyRuns.get(attempt.event.run);
  const since = performance.now();
  try {
    return await wait((text) => tellWait(runtime, attempt, text));
  } finally {
    if (live !== undefined && live.waits !== null) {
      const waited = performance.now() - since;
      live.waits = null;
      live.since += waited;
      attempt.notes.waited_ms += waited;
    }
  }
}
