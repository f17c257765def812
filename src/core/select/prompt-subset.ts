import type { Prompt, Suite } from '../../events/suite.ts';
import { canonicalJson } from '../json.ts';
import { seededRandom } from '../stats/random.ts';

/**
 * `count` prompts of a suite in the suite's order, distributed over the categories as evenly as possible, or all of
 * them if `count` is null or not smaller than the suite. They depend only on `seed` (the hash of the suite's file) and
 * `count`, so every run is asked the same ones, whatever its own seed is.
 */
export function promptSubset(suite: Suite, count: number | null, seed: string): Suite {
  if (count === null || count >= suite.prompts.length) return suite;
  const next = seededRandom(JSON.stringify([seed, count]));
  const byCategory = new Map<string, Prompt[]>();
  for (const prompt of suite.prompts)
    byCategory.set(prompt.category, [...(byCategory.get(prompt.category) ?? []), prompt]);
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

/** The items in an order that depends only on the draws. */
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
