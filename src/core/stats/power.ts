import { chiSquaredQuantile, normalBelow, relativeSdDensity, studentWithin } from './distributions.ts';
import { type Interval, level } from './interval.ts';
import { variance } from './moments.ts';

/** What a number of runs can show: two-sided 5 %, power 80 %, gaussian runs with the same sd on both sides. */

const power = 0.8;
/** More runs than anyone will make: above this the answer is "never". */
const mostRuns = 1000;
/** With this many steps, Simpson's rule agrees with SciPy's quad to 2e-8. */
const steps = 400;

/** The sd of run means within groups (phases), and its degrees of freedom. Null without a group of two. */
export function pooledSd(groups: readonly (readonly number[])[]): { sd: number; df: number } | null {
  let squares = 0;
  let df = 0;
  for (const group of groups) {
    if (group.length < 2) continue;
    squares += variance(group) * (group.length - 1);
    df += group.length - 1;
  }
  return df === 0 ? null : { sd: Math.sqrt(squares / df), df };
}

/** The smallest true difference that `n.a` runs against `n.b` find in 4 of 5 cases. Infinite if a side has one run. */
export function detectableDifference(sd: number, n: { a: number; b: number }): number {
  if (n.a < 2 || n.b < 2) return Number.POSITIVE_INFINITY;
  const df = n.a + n.b - 2;
  return neededShift(df) * sd * Math.sqrt(1 / n.a + 1 / n.b);
}

/** How many runs per side find this difference in 4 of 5 cases: at least 2, and infinite above 1,000. */
export function runsNeeded(difference: number, sd: number): number {
  if (difference === 0) return Number.POSITIVE_INFINITY;
  const enough = (runs: number): boolean => {
    const shift = Math.abs(difference) / (sd * Math.sqrt(2 / runs));
    const df = 2 * runs - 2;
    return chanceToFind(shift, studentWithin(level, df), df) >= power;
  };
  if (!enough(mostRuns)) return Number.POSITIVE_INFINITY;
  let [low, high] = [1, mostRuns];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (enough(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** How many standard errors away the true value must be to be found with 80 %. */
function neededShift(df: number): number {
  const critical = studentWithin(level, df);
  let [low, high] = [0, 2 * critical + 10];
  while (high - low > 1e-9 * high) {
    const middle = (low + high) / 2;
    if (chanceToFind(middle, critical, df) < power) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(|T| > critical) if the true value is `shift` standard errors away, as an integral over the possible sample sds. */
function chanceToFind(shift: number, critical: number, df: number): number {
  // Not the series of the noncentral t, which fails at large shifts.
  // 12 sds of the sample sd to both sides: the rest is below 1e-20.
  const reach = 12 / Math.sqrt(2 * df);
  const from = Math.max(0, 1 - reach);
  const step = (1 + reach - from) / steps;
  let sum = 0;
  for (let at = 0; at <= steps; at++) {
    const s = from + at * step;
    const beyond = normalBelow(shift - critical * s) + normalBelow(-shift - critical * s);
    const weight = at === 0 || at === steps ? 1 : at % 2 === 0 ? 2 : 4;
    sum += weight * beyond * relativeSdDensity(s, df);
  }
  return (sum * step) / 3;
}

/** Where the true sd may be (95 %), from the sd of gaussian values with `df` degrees of freedom. */
export function sdInterval(sd: number, df: number): Interval {
  const tail = (1 - level) / 2;
  return {
    low: sd * Math.sqrt(df / chiSquaredQuantile(1 - tail, df)),
    high: sd * Math.sqrt(df / chiSquaredQuantile(tail, df)),
  };
}

/** From `npm run bench:stats`: sd of runs in points on 27 prompts, and how often sign-flip says "they differ". */
const falseAlarms = [
  { sd: 0, share: 0.04 },
  { sd: 5, share: 0.11 },
  { sd: 10, share: 0.3 },
  { sd: 15, share: 0.45 },
  { sd: 29, share: 0.67 },
] as const;

/** How often "these two models differ" is wrong about recipes, 0..1. `sd` is that of a recipe's runs, in points. */
export function recipeFalseAlarm(sd: number): number {
  let last: (typeof falseAlarms)[number] = falseAlarms[0];
  for (const next of falseAlarms) {
    if (sd <= next.sd) {
      const way = next.sd === last.sd ? 0 : (sd - last.sd) / (next.sd - last.sd);
      return (1 - way) * last.share + way * next.share;
    }
    last = next;
  }
  return last.share;
}
