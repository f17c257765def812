import type { Row } from '../../events/row.ts';
import { groupBy } from '../group-by.ts';
import { isAlike } from '../score/measured.ts';
import { type Interval, meanInterval, newPromptsInterval, promptInterval, shareInterval } from '../stats/interval.ts';
import { mean, variance } from '../stats/moments.ts';
import { pooledSd, sdInterval } from '../stats/power.ts';
import type { Group } from './groups.ts';
import { promptTable } from './prompts.ts';

/** The score of a phase (or of a variant of it). Percent 0-100, unrounded, by the scorer of its gate. */
export interface Summary {
  readonly group: Group;
  /** Done runs that have a score, in order of acceptance. */
  readonly runs: readonly { readonly run: string; readonly overall: number }[];
  /** The independent ones among them: a run that made exactly the same model as an earlier one does not count. */
  readonly draws: Summary['runs'];
  readonly mean: number | null;
  /** Between independent runs. Null below two. */
  readonly sd: number | null;
  /** Where the mean of this recipe on this suite may be (95 %). Null below two independent runs. */
  readonly thisSuite: Interval | null;
  /** The same on new prompts of this kind. Null below two independent runs, or without the single answers. */
  readonly newPrompts: Interval | null;
  /** With one independent run: this model on new prompts of this kind. It says nothing about the recipe. */
  readonly thisModel: Interval | null;
  readonly gate: GateSummary | null;
}

/** The verdict on the mean, by the criteria that were fixed before the runs, and whether the runs agree with it. */
export interface GateSummary {
  readonly verdict: 'pass' | 'fail' | null;
  /** True if every done run agrees. Null without a verdict, or with only one model, whose runs agree. */
  readonly settled: boolean | null;
  /** Why it is not settled although all runs agree. */
  readonly because: string | null;
  /** The number of done runs with a verdict of their own. */
  readonly runs: number;
  /** How many of their models pass in all their runs. A model that is evaluated again adds no evidence. */
  readonly passing: number;
  readonly of: number;
  /** Where the true share of passing runs may be (95 %, Clopper-Pearson), in percent. Null if no run has a verdict. */
  readonly share: Interval | null;
}

/** The figure that gate and outcomes read. */
export const figure = (row: Pick<Row, 'score_by' | 'strict' | 'overall'>): number | null =>
  row.score_by === 'strict' ? row.strict : row.overall;

const percentInterval = (interval: Interval | null): Interval | null =>
  interval === null ? null : { low: 100 * interval.low, high: 100 * interval.high };

/** A score is never outside 0-100, whatever a t interval says. */
const possible = (interval: Interval | null): Interval | null =>
  interval === null ? null : { low: Math.max(0, interval.low), high: Math.min(100, interval.high) };

/** Sample standard deviation, or null below two values. */
export const standardDeviation = (values: readonly number[]): number | null =>
  values.length < 2 ? null : Math.sqrt(variance(values));

function gateOf(group: Group): GateSummary | null {
  const { phase, done, judgement } = group;
  if (phase.criteria?.gate === undefined) return null;
  const { verdict } = judgement;
  const judged = done.filter((row) => row.verdict !== null);
  const models = byModel(judged);
  const [k, n] = [models.filter((rows) => rows.every((row) => row.verdict === 'pass')).length, models.length];
  const dissent = judged.some((row) => row.verdict !== verdict);
  const agree = done.every((row) => row.verdict === verdict);
  const chosenHere = done.some((row) => row.selection?.same_suite);
  return {
    verdict,
    settled: verdict === null || (!dissent && byModel(done).length < 2) ? null : agree && !chosenHere,
    because:
      agree && chosenHere ? 'the checkpoint was chosen by its score on the same prompts as the reported score' : null,
    runs: judged.length,
    passing: k,
    of: n,
    share: n === 0 ? null : percentInterval(shareInterval(k, n)),
  };
}

/** The hash of the evaluated model, if known. Runs of one model (a seed that is given twice on a CPU) share it. */
export const modelOf = ({ custody }: Row): string | null => custody.adapter ?? custody.model;

/** The rows of each model. If the model of a row is not known, it is taken for one of its own. */
const byModel = (rows: readonly Row[]) => [...groupBy(rows, (row) => modelOf(row) ?? row).values()];

/** The first row of each model. Evaluating a model again does not show what another seed would score. */
const firstOfModel = (rows: readonly Row[]): Row[] => byModel(rows).map(([first]) => first);

const scoresOf = (rows: readonly Row[]): Summary['runs'] =>
  rows.flatMap((row) => {
    const overall = figure(row);
    return overall === null ? [] : [{ run: row.run, overall }];
  });

/** Mean, ranges and gate of a group. */
export function summarise(group: Group): Summary {
  const own = firstOfModel(group.done.filter((row) => figure(row) !== null));
  const [runs, draws] = [scoresOf(group.done), scoresOf(own)];
  const values = runs.map(({ overall }) => overall);
  const drawn = draws.map(({ overall }) => overall);
  const { points } = promptTable({ ...group, done: own });
  const single = points.length === 1 ? points[0] : undefined;
  return {
    group,
    runs,
    draws,
    mean: values.length === 0 ? null : mean(values),
    sd: standardDeviation(drawn),
    thisSuite: possible(meanInterval(drawn)),
    newPrompts: points.length < drawn.length ? null : possible(percentInterval(newPromptsInterval(points))),
    thisModel: drawn.length === 1 && single !== undefined ? percentInterval(promptInterval(single)) : null,
    gate: gateOf(group),
  };
}

/** Spread between runs of one recipe in percent points, and the phases over which it was pooled. */
export interface Spread {
  readonly sd: number;
  readonly df: number;
  readonly range: Interval;
  readonly from: readonly string[];
}

/** Runs of one base model that were evaluated alike have a common spread. */
function isOneSpread(rows: readonly Row[]): boolean {
  return new Set(rows.map(({ model }) => model)).size <= 1 && isAlike(rows);
}

/** Pooled over phases with the base model and evaluation of one of `of`. Variants would count a training twice. */
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
