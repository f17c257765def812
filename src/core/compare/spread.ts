import type { Interval } from '../stats/interval.ts';
import { pooledSd, sdInterval } from '../stats/power.ts';
import { modelOf, type Summary } from './summary.ts';

/** Spread between runs of one recipe: over which phases it was pooled, percent points. */
export interface Spread {
  readonly sd: number;
  readonly df: number;
  /** Where the true one may lie (95 %). */
  readonly range: Interval;
  /** Names of the groups that it comes from. */
  readonly from: readonly string[];
}

/** What makes two groups' spreads one: base model and everything that the evaluation is made of. */
function spreadKeys({ group }: Summary): string[] {
  return [...new Set(group.done.map((row) => JSON.stringify([row.model, row.eval_identity])))];
}

/**
 * The spread between runs, pooled over all phases of the same base model and evaluation as one of `of`. Variants share
 * their trainings with the plain runs, so they would only be counted twice.
 */
export function pooledSpread(of: readonly Summary[], all: readonly Summary[]): Spread | null {
  const keys = new Set(of.flatMap(spreadKeys));
  const alike = all.filter((summary) => {
    const own = spreadKeys(summary);
    const counts = summary.group.variant === null || of.includes(summary);
    return counts && summary.draws.length >= 2 && own.length === 1 && own.every((key) => keys.has(key));
  });
  const fresh = withoutRepeats(alike).filter(({ scores }) => scores.length >= 2);
  const pooled = pooledSd(fresh.map(({ scores }) => scores));
  if (pooled === null) return null;
  return { ...pooled, range: sdInterval(pooled.sd, pooled.df), from: fresh.map(({ name }) => name) };
}

/** Scores by group; a training that gave the very same adapter in an earlier one is no second draw. */
function withoutRepeats(summaries: readonly Summary[]): { name: string; scores: number[] }[] {
  const seen = new Set<string>();
  return summaries.map(({ group, draws }) => {
    const scores = draws.flatMap(({ run, overall }) => {
      const row = group.done.find((one) => one.run === run);
      const model = row === undefined ? null : modelOf(row);
      if (model !== null && seen.has(model)) return [];
      if (model !== null) seen.add(model);
      return [overall];
    });
    return { name: group.name, scores };
  });
}
