import type { Row } from '../../events/row.ts';
import { type Mode, modes, type PromptScores, wrapperAlone } from '../../events/score.ts';
import { groupBy } from '../group-by.ts';
import { rounding } from '../stats/moments.ts';
import type { Group } from './groups.ts';

/** Points of each prompt of a run, 0-1 by the scorer of its gate: the mean over its repeats. */
export function pointsOf(scores: PromptScores, score_by: Row['score_by']): Map<string, number> {
  const points = (repeats: PromptScores): number =>
    repeats.reduce((sum, { score, strict }) => sum + (score_by === 'strict' ? strict : score), 0) / repeats.length;
  return new Map([...groupBy(scores, ({ id }) => id)].map(([id, repeats]) => [id, points(repeats)]));
}

/** Points of each prompt in each run of a group, for the runs and prompts that are complete. */
export interface PromptTable {
  readonly ids: readonly string[];
  readonly runs: readonly string[];
  readonly points: readonly (readonly number[])[];
}

/** The prompts of a group's done runs: only those that every one of these runs answered. */
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

/** More than half of the points: the lenient rules give 0.5 for a name in prose, which is only half an answer. */
const gets = (points: number): boolean => points > 0.5;

/** At most the points of the wrapper around a wrong function: the task was not done. */
export const misses = (points: number): boolean => points <= wrapperAlone + rounding;

/** Which prompts all runs miss and, from three runs on, which only one run gets right (by this run). */
export function tellingPrompts({ ids, runs, points }: PromptTable) {
  const column = (index: number): number[] => points.map((run) => run[index] ?? 0);
  const onlyOne = new Map<string, string[]>();
  for (const [index, id] of ids.entries()) {
    const winners = runs.filter((_, run) => gets(column(index)[run] ?? 0));
    const [winner] = winners;
    if (runs.length >= 3 && winners.length === 1 && winner !== undefined)
      onlyOne.set(winner, [...(onlyOne.get(winner) ?? []), id]);
  }
  return { missedByAll: runs.length === 0 ? [] : ids.filter((_, index) => column(index).every(misses)), onlyOne };
}

/** How two groups score on each prompt that both answered, by the means over their runs. */
export interface PromptChanges {
  readonly fixed: readonly string[];
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

/** An answer that is worth reading in the morning. */
export interface TellingAnswer {
  readonly run: string;
  readonly prompt: string;
  readonly repeat: number;
  /** Null if the suite's own scorer gave none. */
  readonly mode: Mode | null;
}

/** Modes that teach a reader most, beginning with those that are easiest to fix. */
const instructive: readonly Mode[] = [
  'thinking',
  'cut',
  'prose',
  'wrong_tool',
  'empty',
  'direct_call',
  'error',
  'timeout',
];

/** The first missed answer with the most frequent mode, or the more instructive of equals. Null if there is none. */
export function tellingAnswer(groups: readonly Group[]): TellingAnswer | null {
  const missed = groups.flatMap((group) =>
    group.done.flatMap(({ run, score_by }) =>
      (group.prompts.get(run) ?? [])
        .filter(({ score, strict }) => misses(score_by === 'strict' ? strict : score))
        .map(({ id, repeat, mode }) => ({ run, prompt: id, repeat, mode })),
    ),
  );
  const rank = (mode: Mode | null): number =>
    mode !== null && instructive.includes(mode) ? instructive.indexOf(mode) : modes.length;
  const times = (mode: Mode | null): number => missed.filter((one) => one.mode === mode).length;
  const [mode] = [...new Set(missed.map((one) => one.mode))].sort((a, b) => times(b) - times(a) || rank(a) - rank(b));
  return missed.find((one) => one.mode === mode) ?? null;
}
