import type { Row } from '../../events/row.ts';
import { isAlike } from '../score/measured.ts';
import type { Interval } from '../stats/interval.ts';
import { pooledSd, sdInterval } from '../stats/power.ts';
import { modelOf, type Summary } from './summary.ts';

/** Spread between runs of one recipe in percent points, and the phases over which it was pooled. */
export interface Spread {
  readonly sd: number;
  readonly df: number;
  /** Where the true spread may be (95 %). */
  readonly range: Interval;
  /** Names of the groups that it comes from. */
  readonly from: readonly string[];
}

/** Runs of one base model that were evaluated alike have a common spread. */
function isOneSpread(rows: readonly Row[]): boolean {
  return new Set(rows.map(({ model }) => model)).size <= 1 && isAlike(rows);
}

/**
 * The spread between runs, pooled over all phases with the same base model and evaluation as one of `of`. Variants are
 * left out: they share their training with the plain runs, which would count twice.
 */
export function pooledSpread(of: readonly Summary[], all: readonly Summary[]): Spread | null {
  const alike = all.filter(({ group, ...summary }) => {
    const counts = group.variant === null || of.some((one) => one.group === group);
    const fits = (one: Summary): boolean => one.group.done.some((row) => isOneSpread([row, ...group.done]));
    return counts && summary.draws.length >= 2 && isOneSpread(group.done) && of.some(fits);
  });
  const fresh = withoutRepeats(alike).filter(({ scores }) => scores.length >= 2);
  const pooled = pooledSd(fresh.map(({ scores }) => scores));
  if (pooled === null) return null;
  return { ...pooled, range: sdInterval(pooled.sd, pooled.df), from: fresh.map(({ name }) => name) };
}

/** Scores by group. A training run that gave exactly the same adapter as an earlier one is not a second sample. */
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
