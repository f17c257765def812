import { seededRandom } from './random.ts';

/** The sign-flip (Fisher-Pitman) test of two models (not of their recipes) on the same prompts. */

/** Up to this the distribution is computed exactly, and above it simulated. */
const largestDenominator = 10_000;
/** Additions of the exact way: about 10 s. Thousands of prompts in ten-thousandths would keep `up` waiting minutes. */
const mostAdditions = 5e9;
const flips = 100_000;
/** Scores are means of a few fractions, so their differences are off by about 1e-16. True fractions are 1e-8 apart. */
const tolerance = 1e-12;

/**
 * How often random signs of the differences (A - B per prompt, in points) give a sum at least as far from 0: two-sided,
 * ties counted. Exact with a common denominator of at most 10,000 (and not thousands), else from 100,000 flips, the
 * same for the same seed, as p = (b + 1) / (m + 1). Without differences, or if all are 0, p = 1.
 */
export function signFlip(differences: readonly number[], seed: string): { p: number; simulated: boolean } {
  const whole = wholeNumbers(differences);
  if (whole !== null && additions(whole) <= mostAdditions) return { p: exactShare(whole), simulated: false };
  return { p: simulatedShare(differences, seed), simulated: true };
}

/** The differences times their least common denominator, or null if that is above 10,000. */
function wholeNumbers(differences: readonly number[]): number[] | null {
  let common = 1;
  for (const difference of differences) {
    const own = denominator(difference);
    if (own === null) return null;
    common = (common / greatestDivisor(common, own)) * own;
    if (common > largestDenominator) return null;
  }
  return differences.map((difference) => Math.round(difference * common));
}

/** The denominator of the fraction that a number represents, by its continued fraction. Null if it is above 10,000. */
function denominator(value: number): number | null {
  let [before, current] = [0, 1];
  let rest = value - Math.floor(value);
  const allowed = tolerance * Math.max(1, Math.abs(value));
  while (current <= largestDenominator) {
    if (Math.abs(value * current - Math.round(value * current)) <= allowed * current) return current;
    const inverse = 1 / rest;
    const part = Math.floor(inverse);
    rest = inverse - part;
    [before, current] = [current, part * current + before];
  }
  return null;
}

/** The most additions that `exactShare` needs. */
const additions = (whole: readonly number[]): number =>
  whole.length * whole.reduce((sum, value) => sum + Math.abs(value), 0);

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

/**
 * By convolution: a sum of signed values is 2 * (the part with a plus) - total, so the chance of each subset total is
 * enough. Exact up to 53 prompts. Below 1 ms for 27 prompts in thirtieths, and 4 s for 1,000 in ten-thousandths.
 */
function exactShare(whole: readonly number[]): number {
  const unit = whole.reduce((divisor, value) => greatestDivisor(Math.abs(value), divisor), 0);
  const sizes = whole.filter((value) => value !== 0).map((value) => Math.abs(value) / unit);
  const observed = unit === 0 ? 0 : Math.abs(whole.reduce((sum, value) => sum + value, 0)) / unit;
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const likely = new Float64Array(total + 1);
  likely[0] = 1;
  let reached = 0;
  for (const size of sizes) {
    reached += size;
    for (let at = reached; at >= 0; at--) {
      likely[at] = ((likely[at] ?? 0) + (at < size ? 0 : (likely[at - size] ?? 0))) / 2;
    }
  }
  let share = 0;
  for (const [plus, probability] of likely.entries()) {
    if (Math.abs(2 * plus - total) >= observed) share += probability;
  }
  return Math.min(1, share);
}

function simulatedShare(differences: readonly number[], seed: string): number {
  const random = seededRandom(seed);
  const observed = Math.abs(differences.reduce((sum, value) => sum + value, 0));
  // A tie that is added in another order must stay a tie.
  const slack = tolerance * differences.reduce((sum, value) => sum + Math.abs(value), 0);
  let asFar = 0;
  for (let flip = 0; flip < flips; flip++) {
    let sum = 0;
    for (const difference of differences) sum += random() < 0.5 ? difference : -difference;
    if (Math.abs(sum) >= observed - slack) asFar++;
  }
  return (asFar + 1) / (flips + 1);
}
