import type { Candidate } from '../../events/stages/select.ts';
import type { Prompt, Suite } from '../../events/suite.ts';
import { groupBy } from '../group-by.ts';
import { canonicalJson } from '../json.ts';
import { seededRandom } from '../stats/random.ts';

/** The figure that decides: the highest `overall` or `strict`, or the lowest `val_loss`. */
export type Measure = 'overall' | 'strict' | 'val_loss';

/** Null if none has the figure. Of equal ones the last: a tie says nothing, and `by: last` would use it too. */
export function bestOf(candidates: readonly Candidate[], figure: Measure): Candidate | null {
  const worth = (one: Candidate): number => {
    const value = one[figure];
    return value === null ? Number.NEGATIVE_INFINITY : figure === 'val_loss' ? -value : value;
  };
  const known = candidates.filter((one) => one[figure] !== null);
  return known.reduce<Candidate | null>((best, one) => (best === null || worth(one) >= worth(best) ? one : best), null);
}

const resamples = 200;

const meanAt = (values: readonly number[], places: readonly number[]): number =>
  places.reduce((sum, place) => sum + (values[place] ?? 0), 0) / places.length;

/**
 * How much too high the score of the chosen candidate is, in the unit of `table` (candidates x prompts), or null below
 * two of either. Each of 200 draws takes prompts with replacement, chooses the best candidate on them (of equal ones
 * the last), and compares its score there with that on the other prompts: the out-of-bag estimate of Efron and
 * Tibshirani ("Improvements on cross-validation", 1997), for a choice instead of a fit.
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

/**
 * `count` prompts of a suite in its order, distributed evenly over the categories, or all if `count` is null or too
 * large. They depend only on `seed` (the hash of the suite's file) and `count`, so every run is asked the same ones.
 */
export function promptSubset(suite: Suite, count: number | null, seed: string): Suite {
  if (count === null || count >= suite.prompts.length) return suite;
  const next = seededRandom(JSON.stringify([seed, count]));
  const byCategory = groupBy(suite.prompts, ({ category }) => category);
  const queues = shuffled([...byCategory.values()], next).map((prompts) => shuffled(prompts, next));
  const chosen = new Set<Prompt>();
  // One of each category per turn: a remainder goes to random categories, not to the first ones.
  for (let turn = 0; chosen.size < count; turn++)
    for (const queue of queues) {
      const prompt = queue[turn];
      if (prompt !== undefined && chosen.size < count) chosen.add(prompt);
    }
  return { ...suite, prompts: suite.prompts.filter((prompt) => chosen.has(prompt)) };
}

function shuffled<T>(items: readonly T[], next: () => number): T[] {
  const rest = [...items];
  const order: T[] = [];
  while (rest.length > 0) order.push(...rest.splice(Math.floor(next() * rest.length), 1));
  return order;
}

/** How many prompts of one suite ask the same as a prompt of the other, whatever their ids are. */
export function sharedPrompts(one: Suite, other: Suite): number {
  const asked = new Set(other.prompts.map(questionOf));
  return one.prompts.filter((prompt) => asked.has(questionOf(prompt))).length;
}

/** What the model is asked, without what is expected or how it is scored. */
const questionOf = (prompt: Prompt): string => canonicalJson([prompt.prompt ?? null, prompt.messages ?? null]);
