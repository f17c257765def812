import type { Prompt, Suite } from '../../events/suite.ts';
import { canonicalJson } from '../json.ts';
import { seededRandom } from '../stats/random.ts';

/**
 * `count` prompts of a suite in the suite's order, as evenly over the categories as they go; all of them when `count` is
 * null or as large as the suite. They follow from `seed` (the hash of the suite's file) and `count` alone: every run is
 * asked the same ones, whatever its own seed is.
 */
export function promptSubset(suite: Suite, count: number | null, seed: string): Suite {
  if (count === null || count >= suite.prompts.length) return suite;
  const next = seededRandom(JSON.stringify([seed, count]));
  const byCategory = new Map<string, Prompt[]>();
  for (const prompt of suite.prompts)
    byCategory.set(prompt.category, [...(byCategory.get(prompt.category) ?? []), prompt]);
  const queues = shuffled([...byCategory.values()], next).map((prompts) => shuffled(prompts, next));
  const chosen = new Set<Prompt>();
  // One of each category in turn: what does not divide evenly falls to categories by lot, not to the first ones.
  for (let turn = 0; chosen.size < count; turn++)
    for (const queue of queues) {
      const prompt = queue[turn];
      if (prompt !== undefined && chosen.size < count) chosen.add(prompt);
    }
  return { ...suite, prompts: suite.prompts.filter((prompt) => chosen.has(prompt)) };
}

/** The items in an order that follows from the draws. */
function shuffled<T>(items: readonly T[], next: () => number): T[] {
  const rest = [...items];
  const order: T[] = [];
  while (rest.length > 0) order.push(...rest.splice(Math.floor(next() * rest.length), 1));
  return order;
}

/** How many prompts of one suite ask what a prompt of the other asks, whatever they are called. */
export function sharedPrompts(one: Suite, other: Suite): number {
  const asked = new Set(other.prompts.map(questionOf));
  return one.prompts.filter((prompt) => asked.has(questionOf(prompt))).length;
}

/** What the model is asked: not what is expected of it, nor how it is judged. */
const questionOf = (prompt: Prompt): string => canonicalJson([prompt.prompt ?? null, prompt.messages ?? null]);
