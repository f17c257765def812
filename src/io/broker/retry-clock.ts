import type { Due } from '../../core/run/due.ts';
import { longestPause_s } from '../../core/run/retry.ts';
import { eventId } from '../../events/events.ts';
import type { WorkspaceConfig } from '../../events/workspace.ts';

export type RetryClock = ReturnType<typeof openRetryClock>;

/** Measures the pauses between attempts from the first call: a clock that is set back makes none of them longer. */
export function openRetryClock(config: Pick<WorkspaceConfig, 'retry_pause_s'>) {
  const longest_ms = longestPause_s(config) * 1000;
  const deadlines = new Map<string, number>();
  return {
    /** ms, 0 means now. It is never more than the longest pause, whatever the clock of the machine is set to. */
    remaining({ event, notBefore }: Due): number {
      if (notBefore === null) return 0;
      const id = eventId(event);
      const byDate = Math.max(0, notBefore - Date.now());
      const deadline = deadlines.get(id) ?? performance.now() + Math.min(byDate, longest_ms);
      deadlines.set(id, deadline);
      // The date may give less: the machine slept, and this clock with it.
      return Math.min(byDate, Math.max(0, deadline - performance.now()));
    },
  };
}
