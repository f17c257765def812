import { workedBefore } from '../../core/run/worked.ts';
import type { StageEvent } from '../../events/events.ts';
import type { JournalLine } from '../../events/journal.ts';
import type { ServedBy } from '../../events/manifest.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import type { JobProgress } from '../../io/broker/consumer.ts';
import { toolSpans } from '../../io/tool/tool-spans.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** What a stage records in addition to its outputs: for the manifest. */
export interface Notes {
  readonly inputs: Record<string, string>;
  readonly commands: string[][];
  readonly warnings: string[];
  readonly servers: ServedBy[];
  estimated_bytes: number | null;
  /** Time that the attempt waited for the machine or the disk. */
  waited_ms: number;
}

/** One try of a stage, while it works. */
export interface Attempt {
  readonly stored: StoredRun;
  readonly event: StageEvent;
  readonly dir: string;
  readonly board: JobProgress;
  readonly notes: Notes;
}

/**
 * The seconds that an attempt worked under processes of `up` that have ended. Null if it has not begun. `dir` is its
 * folder.
 */
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
