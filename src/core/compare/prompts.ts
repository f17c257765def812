import type { Row } from '../../events/row.ts';
import { type Score, wrapperAlone } from '../../events/score.ts';
import { rounding } from '../stats/moments.ts';
import type { Group } from './groups.ts';

/** What each answer of a run scored: a line a prompt and repeat, 0-1. */
export type PromptScores = Score['prompts'];

/** Points of each prompt of a run, 0-1 by the scorer that its gate is about: the mean over its repeats. */
export function pointsOf(scores: PromptScores, score_by: Row['score_by']): Map<string, number> {
  const kept = new Map<string, number[]>();
  for (const { id, score, strict } of scores)
    kept.set(id, [...(kept.get(id) ?? []), score_by === 'strict' ? strict : score]);
  return new Map([...kept].map(([id, points]) => [id, points.reduce((sum, one) => sum + one, 0) / points.length]));
}

/** Points of each prompt in each run of a group, for those runs and prompts that all have. */
export interface PromptTable {
  readonly ids: readonly string[];
  readonly runs: readonly string[];
  /** By run, then by prompt, 0-1. */
  readonly points: readonly (readonly number[])[];
}

/** The prompts of a group's done runs; only those that every one of these runs was asked. */
export function promptTable(group: Group): PromptTable {
  const tables = group.done.flatMap((row) => {
    const scores = group.prompts.get(row.run);
    return scores === undefined ? [] : [{ run: row.run, points: pointsOf(scores, row.score_by) }];
  });
  const ids = [...(tables[0]?.points.keys() ?? [])].filter((id) => tables.every(({ points }) => points.has(id)));
  return {
    ids,
    runs: tables.map(({ run }) => run),
    points: tables.map(({ points }) => ids.map((id) => points.get(id) ?? 0)),
  };
}

/** Mean over the runs, by prompt. */
export function promptMeans({ ids, points }: PromptTable): Map<string, number> {
  return new Map(
    ids.map((id, index) => [id, points.reduce((sum, run) => sum + (run[index] ?? 0), 0) / Math.max(1, points.length)]),
  );
}

/** Half the points and more: the lenient rules give 0.5 for a name in prose, which is no more than half an answer. */
const gets = (points: number): boolean => points > 0.5;

/** No more than the wrapper around the wrong function scores: what was asked for was not done. */
export const misses = (points: number): boolean => points <= wrapperAlone + rounding;

/** Prompts that tell something about a group of runs. */
export interface TellingPrompts {
  /** No run gets more than the points of the wrapper alone. */
  readonly missedByAll: readonly string[];
  /** Run -> prompts that it alone gets (more than half the points). Only told of three runs and more. */
  readonly onlyOne: ReadonlyMap<string, readonly string[]>;
}

/** Which prompts all runs miss, and which a single one gets. */
export function tellingPrompts({ ids, runs, points }: PromptTable): TellingPrompts {
  const column = (index: number): number[] => points.map((run) => run[index] ?? 0);
  const onlyOne = new Map<string, string[]>();
  for (const [index, id] of ids.entries()) {
    const winners = runs.filter((_, run) => gets(column(index)[run] ?? 0));
    const [winner] = winners;
    if (runs.length >= 3 && winners.length === 1 && winner !== undefined)
      onlyOne.set(winner, [...(onlyOne.get(winner) ?? []), id]);
  }
  return {
    missedByAll: runs.length === 0 ? [] : ids.filter((_, index) => column(index).every(misses)),
    onlyOne,
  };
}

/** How two groups fare on each prompt that both were asked, by the means over their runs: `a` against `b`. */
export interface PromptChanges {
  /** `a` scores more. */
  readonly fixed: readonly string[];
  /** `a` scores less. */
  readonly regressed: readonly string[];
  readonly same: number;
  /** By prompt: a - b, in points 0-1. */
  readonly differences: ReadonlyMap<string, number>;
}

/** Prompts on which `a` scores more, less and the same as `b`. */
export function promptChanges(a: PromptTable, b: PromptTable): PromptChanges {
  const [ours, others] = [promptMeans(a), promptMeans(b)];
  const shared = [...ours.keys()].filter((id) => others.has(id));
  const differences = new Map(shared.map((id) => [id, (ours.get(id) ?? 0) - (others.get(id) ?? 0)]));
  const where = (holds: (difference: number) => boolean) => shared.filter((id) => holds(differences.get(id) ?? 0));
  return {
    fixed: where((difference) => difference > rounding),
    regressed: where((difference) => difference < -rounding),
    same: where((difference) => Math.abs(difference) <= rounding).length,
    differences,
  };
}
