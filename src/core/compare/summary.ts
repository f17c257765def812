import type { Row } from '../../events/row.ts';
import { type Interval, meanInterval, newPromptsInterval, promptInterval, shareInterval } from '../stats/interval.ts';
import { type Group, passing } from './groups.ts';
import { promptTable } from './prompts.ts';

/** What a phase (or a variant of it) may be said to score. Percent 0-100, unrounded, by the scorer of its gate. */
export interface Summary {
  readonly group: Group;
  /** Done runs that have a score, in order of acceptance. */
  readonly runs: readonly { readonly run: string; readonly overall: number }[];
  readonly mean: number | null;
  /** Between runs; null below two. */
  readonly sd: number | null;
  /** Where the mean of this recipe on this suite may lie (95 %); null below two runs. */
  readonly thisSuite: Interval | null;
  /** The same on new prompts of this kind; null below two runs, or where the single answers are gone. */
  readonly newPrompts: Interval | null;
  /** One run: where this one model may lie on new prompts of this kind. It says nothing about the recipe. */
  readonly thisModel: Interval | null;
  readonly gate: GateSummary | null;
}

/** The verdict on the mean, as written before the runs, and whether the runs agree with it. */
export interface GateSummary {
  readonly verdict: 'pass' | 'fail' | null;
  /** True: every done run agrees with the verdict. Null: there is no verdict, or one run alone. */
  readonly settled: boolean | null;
  /** Why it is not settled although all runs agree. */
  readonly because: string | null;
  readonly passing: number;
  readonly of: number;
  /** Where the true share of passing runs may lie (95 %, Clopper-Pearson), percent; null: no run is done. */
  readonly share: Interval | null;
}

/** The figure that gate and outcomes read. */
export const figure = (row: Row): number | null => (row.score_by === 'strict' ? row.strict : row.overall);

const percentInterval = (interval: Interval | null): Interval | null =>
  interval === null ? null : { low: 100 * interval.low, high: 100 * interval.high };

/** No score lies outside 0-100, whatever a t interval says. */
const possible = (interval: Interval | null): Interval | null =>
  interval === null ? null : { low: Math.max(0, interval.low), high: Math.min(100, interval.high) };

/** Sample standard deviation; null below two values. */
export function standardDeviation(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

function gateOf(group: Group): GateSummary | null {
  const { phase, done, judgement } = group;
  if (phase.criteria?.gate === undefined) return null;
  const { verdict } = judgement;
  const [k, n] = [passing(group), done.filter((row) => row.verdict !== null).length];
  const agree = done.every((row) => row.verdict === verdict);
  const chosenHere = done.some((row) => row.selection?.same_suite);
  return {
    verdict,
    settled: verdict === null || done.length < 2 ? null : agree && !chosenHere,
    because: agree && chosenHere ? 'the checkpoint was chosen on the prompts that are reported' : null,
    passing: k,
    of: n,
    share: n === 0 ? null : percentInterval(shareInterval(k, n)),
  };
}

/** Mean, ranges and gate of a group. */
export function summarise(group: Group): Summary {
  const runs = group.done.flatMap((row) => {
    const overall = figure(row);
    return overall === null ? [] : [{ run: row.run, overall }];
  });
  const values = runs.map(({ overall }) => overall);
  const { points } = promptTable(group);
  const single = points.length === 1 ? points[0] : undefined;
  return {
    group,
    runs,
    mean: values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length,
    sd: standardDeviation(values),
    thisSuite: possible(meanInterval(values)),
    newPrompts: points.length < values.length ? null : possible(percentInterval(newPromptsInterval(points))),
    thisModel: values.length === 1 && single !== undefined ? percentInterval(promptInterval(single)) : null,
    gate: gateOf(group),
  };
}
