import type { StageEvent } from '../../events/events.ts';
import type { JournalLine } from '../../events/journal.ts';

/** The message of an attempt when it began to wait for disk space, or null if it does not wait. */
export function diskWait(journal: readonly JournalLine[], { stage, attempt }: Omit<StageEvent, 'run'>): string | null {
  const last = journal.findLast((line) => 'attempt' in line && line.stage === stage && line.attempt === attempt);
  return last?.event === 'disk_wait' ? last.message : null;
}
