/** What is seen of a tool at one moment. */
export interface Look {
  /** Milliseconds since the look before, without sleep of the machine. */
  readonly passed_ms: number;
  /** Changes with every sign of progress: the times and sizes of its files. */
  readonly signs: string;
  /** A person has suspended it (SIGSTOP, Ctrl-Z). */
  readonly isSuspended: boolean;
}

/** How long a tool may show no progress. */
export interface StallLimits {
  readonly least_ms: number;
  /** Added until the tool shows progress regularly: it may have to read a whole model first. */
  readonly load_ms: number;
}

/** A model that loads more slowly than this cannot be used anyway. */
export const slowestLoad_bytes_s = 20e6;
/** A step may take so many times as long as the usual one. */
const usualTimes = 20;
/** So many steps are regular progress, and so many of the last ones count. */
const [fewest, most] = [5, 50];

/**
 * Watches for a tool that stands still. Each look returns how long the tool has shown no progress (ms) if that is too
 * long, else null. A slow tool has a longer limit: 20 times the middle of its recent steps.
 */
export function openStall({ least_ms, load_ms }: StallLimits): (look: Look) => number | null {
  let [silent_ms, last] = [0, null as string | null];
  let steps: readonly number[] = [];
  const limit = (): number => {
    if (steps.length < fewest) return least_ms + load_ms;
    const usual = steps.toSorted((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
    return Math.max(least_ms, usualTimes * usual);
  };
  return ({ passed_ms, signs, isSuspended }) => {
    if (!isSuspended) silent_ms += passed_ms;
    if (signs === last) return silent_ms > limit() ? silent_ms : null;
    if (last !== null) steps = [...steps, silent_ms].slice(-most);
    [silent_ms, last] = [0, signs];
    return null;
  };
}
