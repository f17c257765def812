import { catalogue, type ErrorCode } from '../errors.ts';

export interface RetryPolicy {
  readonly stage_retries: number;
  /** Pauses before the first, second ... further try. The last one repeats. */
  readonly retry_pause_s: readonly number[];
}

/** After a full disk. The last one repeats without limit, since the disk may be full of other files. */
const disk_pause_s = [30, 60, 120, 300, 600];
/** These say nothing about the stage. */
const uncounted: ReadonlySet<string> = new Set<ErrorCode>(['STOPPED', 'PAUSED', 'CANCELLED', 'DISK_FULL']);

const nth = (pauses: readonly number[], index: number): number => pauses[Math.min(index, pauses.length - 1)] ?? 0;

/** The longest pause (s) between two attempts. */
export const longestPause_s = ({ retry_pause_s }: Pick<RetryPolicy, 'retry_pause_s'>): number =>
  Math.max(...retry_pause_s, ...disk_pause_s);

/** Seconds until the next attempt, or null. `before` has the codes of the stage's earlier failures, oldest first. */
export function retryPause(code: ErrorCode, before: readonly string[], policy: RetryPolicy): number | null {
  const counted = before.filter((one) => !uncounted.has(one));
  const pause = counted.length < policy.stage_retries ? nth(policy.retry_pause_s, counted.length) : null;
  switch (catalogue[code].retry) {
    case 'resume':
      return 0;
    case 'wait':
      return nth(disk_pause_s, before.filter((one) => one === code).length);
    case 'never':
      return null;
    case 'once':
      // An earlier fault of the GPU did not show whether the memory is sufficient.
      return counted.includes(code) ? null : pause;
    case 'transient':
      return pause;
  }
}
