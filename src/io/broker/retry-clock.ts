import type { Due } from '../../core/run/due.ts';
import { longestPause_s } from '../../core/run/retry.ts';
import { eventId } from '../../events/events.ts';
import type { WorkspaceConfig } from '../../events/workspace.ts';

/** How much longer something that is due must wait. */
export interface RetryClock {
  /** ms, 0 means now. It is never more than the longest pause, whatever the clock of the machine is set to. */
  remaining(due: Due): number;
}

/**
 * A clock for the pauses before further attempts. The journal has them as a time of day for a later `up`. This process
 * measures them from the first call, so that a clock that is set back makes none of them longer.
 */
export function openRetryClock(config: Pick<WorkspaceConfig, 'retry_pause_s'>): RetryClock {
  const longest_ms = longestPause_s(config) * 1000;
  const deadlines = new Map<string, number>();
  return {
    remaining({ event, notBefore }) {
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
