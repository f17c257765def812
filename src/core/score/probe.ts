import * as z from 'zod';
import { choiceIn } from './read-answer.ts';
import { asObject } from './tolerant-json.ts';

/** For each token of a short answer the most likely tokens: [id, log probability], by id. A NaN is null. */
export const probe = z.array(z.array(z.tuple([z.number(), z.number().nullable()])));
export type Probe = z.infer<typeof probe>;

/** Smaller differences are rounding. A trained adapter changes probabilities by orders of magnitude more. */
const rounding = 1e-6;

/** The probe in a chat completion with `top_logprobs`, or null if the server sent none. */
export function probeOf(response: unknown): Probe | null {
  const choice = choiceIn(response);
  const content = asObject(choice?.logprobs)?.content;
  if (!Array.isArray(content) || content.length === 0) return null;
  return content.map((item: unknown) => {
    const top = asObject(item)?.top_logprobs;
    const pairs = (Array.isArray(top) ? top : []).flatMap((entry: unknown): [number, number | null][] => {
      const { id, logprob } = asObject(entry) ?? {};
      return typeof id === 'number' ? [[id, typeof logprob === 'number' ? logprob : null]] : [];
    });
    return pairs.sort(([a], [b]) => a - b);
  });
}

/** True if two models gave the same tokens with the same probabilities: they are one model. */
export function sameProbe(a: Probe, b: Probe): boolean {
  return a.length === b.length && a.every((pairs, index) => samePairs(pairs, b[index] ?? []));
}

function samePairs(a: Probe[number], b: Probe[number]): boolean {
  return (
    a.length === b.length &&
    a.every(([id, value], index) => {
      const [otherId, other] = b[index] ?? [];
      if (id !== otherId) return false;
      return value === null || typeof other !== 'number' ? value === other : Math.abs(value - other) <= rounding;
    })
  );
}
