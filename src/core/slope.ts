/** What is done so far, and when: `at` in seconds, from any origin. */
interface Reached {
  readonly done: number;
  readonly at: number;
}

/** So many reports count, so that an estimate follows work that becomes slower. */
const window = 10;

/** Collects reports. Returns the seconds that are left by the slope of the recent ones, or null while there is none. */
export function openSlope(first: Reached): (reached: Reached, of: number) => number | null {
  let points: readonly Reached[] = [first];
  return (reached, of) => {
    const last = points.at(-1);
    if (last !== undefined && reached.done > last.done) points = [...points, reached].slice(-window - 1);
    const [from, to] = [points[0], points.at(-1)];
    if (from === undefined || to === undefined || to.done === from.done) return null;
    return Math.max(0, ((to.at - from.at) / (to.done - from.done)) * (of - to.done));
  };
}

/** Seconds that are left for `open` answers, by the time of the recent ones, or null while there is none. */
export function answersLeft(seconds: readonly number[], open: number, concurrency: number): number | null {
  const recent = seconds.slice(-window);
  if (recent.length === 0) return null;
  return Math.round((recent.reduce((sum, one) => sum + one, 0) / recent.length / concurrency) * open);
}
