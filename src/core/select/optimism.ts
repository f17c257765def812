import { seededRandom } from '../stats/random.ts';

const resamples = 200;

const meanAt = (values: readonly number[], places: readonly number[]): number =>
  places.reduce((sum, place) => sum + (values[place] ?? 0), 0) / places.length;

/**
 * How much too high the score of the chosen candidate is, in the unit of `table` (candidates x prompts). Each of 200
 * draws takes prompts with replacement, chooses the best candidate on them (of equal ones the last), and compares its
 * score there with its score on the prompts that were not drawn. This is the out-of-bag estimate of Efron and
 * Tibshirani ("Improvements on cross-validation", 1997), for a choice instead of a fit. Null below two candidates or
 * prompts.
 */
export function optimism(table: readonly (readonly number[])[], seed: string): number | null {
  const prompts = table[0]?.length ?? 0;
  if (table.length < 2 || prompts < 2) return null;
  const next = seededRandom(seed);
  const all = Array.from({ length: prompts }, (_, index) => index);
  let [sum, count] = [0, 0];
  for (let draw = 0; draw < resamples; draw++) {
    const drawn = all.map(() => Math.floor(next() * prompts));
    const left = all.filter((place) => !drawn.includes(place));
    if (left.length === 0) continue;
    const chosen = table.reduce((best, row) => (meanAt(row, drawn) >= meanAt(best, drawn) ? row : best));
    sum += meanAt(chosen, drawn) - meanAt(chosen, left);
    count += 1;
  }
  return count === 0 ? null : sum / count;
}
