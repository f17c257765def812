import { seededRandom } from '../stats/random.ts';

const resamples = 200;

const meanAt = (values: readonly number[], places: readonly number[]): number =>
  places.reduce((sum, place) => sum + (values[place] ?? 0), 0) / places.length;

/**
 * By how much the score of the chosen candidate flatters it, in the unit of `table` (candidates x prompts). Prompts are
 * drawn with replacement, the best candidate on them is chosen (of equals the last), and its score there is compared with
 * its score on the prompts that were not drawn (the out-of-bag estimate of Efron and Tibshirani, "Improvements on
 * cross-validation", 1997, for a choice instead of a fit); the mean over 200 draws. Null below two candidates or prompts.
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
