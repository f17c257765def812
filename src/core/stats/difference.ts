import { studentAbove, studentTwoSided } from './distributions.ts';
import { around, type Interval } from './interval.ts';
import { mean, variance } from './moments.ts';

/* Differences between recipes, over the means of their runs. */

export interface Difference extends Interval {
  readonly difference: number;
  readonly t: number;
  readonly df: number;
  readonly p: number;
}

export interface Equivalence {
  readonly p: number;
  readonly answer: 'yes' | 'no' | 'cannot tell';
}

/**
 * a - b with its 95 % interval for unequal variances (Welch 1947). Seeds of A and B are not pairs. Null if a side has
 * fewer than 2 runs. If no run differs from its side, the interval has width 0, t is 0 or infinite, and p is 1 or 0.
 */
export function welch(a: readonly number[], b: readonly number[]): Difference | null {
  if (a.length < 2 || b.length < 2) return null;
  const { squaredError, df } = welchError(a, b);
  return withInterval(mean(a) - mean(b), squaredError, df);
}

function withInterval(difference: number, squaredError: number, df: number): Difference {
  const t = standardised(difference, squaredError);
  return { difference, ...around(difference, squaredError, df), t, df, p: studentTwoSided(t, df) };
}

function welchError(a: readonly number[], b: readonly number[]): { squaredError: number; df: number } {
  const ofA = variance(a) / a.length;
  const ofB = variance(b) / b.length;
  const squaredError = ofA + ofB;
  if (squaredError === 0) return { squaredError, df: a.length + b.length - 2 };
  // Shares first, since squares of tiny variances would underflow.
  const share = ofA / squaredError;
  const df = 1 / (share ** 2 / (a.length - 1) + (1 - share) ** 2 / (b.length - 1));
  return { squaredError, df };
}

/** distance / error. Without any error it is 0 for no distance, else infinite. */
function standardised(distance: number, squaredError: number): number {
  if (squaredError > 0) return distance / Math.sqrt(squaredError);
  return distance === 0 ? 0 : Math.sign(distance) * Number.POSITIVE_INFINITY;
}

/** Mean of a - b with its 95 % interval, for runs that are pairs. Null below 2 pairs. Throws if lengths differ. */
export function paired(a: readonly number[], b: readonly number[]): Difference | null {
  if (a.length !== b.length) throw new Error(`pairs of ${a.length} and ${b.length} runs`);
  if (a.length < 2) return null;
  const differences = a.map((value, index) => value - (b[index] ?? 0));
  return withInterval(mean(differences), variance(differences) / differences.length, differences.length - 1);
}

/** Whether A and B are within `margin`: two one-sided tests (Schuirmann 1987) by Welch. Null as in `welch`. */
export function equivalence(a: readonly number[], b: readonly number[], margin: number): Equivalence | null {
  const found = welch(a, b);
  if (found === null) return null;
  const { squaredError, df } = welchError(a, b);
  const above = oneSided(found.difference + margin, squaredError, df);
  const below = oneSided(margin - found.difference, squaredError, df);
  const p = Math.max(above, below);
  return { p, answer: answerOf(p, found, margin) };
}

/** p of "the distance is no greater than 0". */
function oneSided(distance: number, squaredError: number, df: number): number {
  if (squaredError === 0) return distance > 0 ? 0 : 1;
  return studentAbove(standardised(distance, squaredError), df);
}

function answerOf(p: number, { low, high }: Difference, margin: number): Equivalence['answer'] {
  if (p < 0.05) return 'yes';
  return low > margin || high < -margin ? 'no' : 'cannot tell';
}

/** Whether a figure could be one more of these runs: t = (value - mean) / (s sqrt(1 + 1/n)). Null below 2 runs. */
export function oneMoreDraw(value: number, runs: readonly number[]): { t: number; df: number; p: number } | null {
  if (runs.length < 2) return null;
  const df = runs.length - 1;
  const t = standardised(value - mean(runs), variance(runs) * (1 + 1 / runs.length));
  return { t, df, p: studentTwoSided(t, df) };
}

/** p values adjusted for multiple comparisons (Holm 1979), in their given order. */
export function holm(ps: readonly number[]): number[] {
  const order = ps.map((p, at) => ({ p, at })).sort((one, other) => one.p - other.p);
  const adjusted = new Array<number>(ps.length);
  let least = 0;
  for (const [rank, { p, at }] of order.entries()) {
    least = Math.max(least, Math.min(1, p * (ps.length - rank)));
    adjusted[at] = least;
  }
  return adjusted;
}
