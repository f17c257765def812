import type { Row } from '../../events/row.ts';
import type { Run } from '../../events/run.ts';
import { modes } from '../../events/score.ts';
import type { CriteriaValues, Figure } from '../config/criteria.ts';
import { isAlike, type MeasuredRow } from '../score/measured.ts';

type Table = Readonly<Record<string, number>>;

/** Mean, or null if there is no value or one of them is unknown. */
export function mean(values: readonly Figure[]): Figure {
  let sum = 0;
  for (const value of values) {
    if (value === null) return null;
    sum += value;
  }
  return values.length === 0 ? null : sum / values.length;
}

/** For each name, the mean over the tables that have it. */
export function meanTable(tables: readonly Table[]): Record<string, number> {
  const names = [...new Set(tables.flatMap((table) => Object.keys(table)))];
  return Object.fromEntries(
    names.map((name) => [name, mean(tables.flatMap((table) => table[name] ?? [])) ?? 0] as const),
  );
}

/** Counts of modes as shares of all answers, in percent. */
export function modeShares(counts: NonNullable<Row['modes']>): Record<string, number> {
  const total = modes.reduce((sum, mode) => sum + (counts[mode] ?? 0), 0);
  return total === 0 ? {} : Object.fromEntries(modes.map((mode) => [mode, (100 * (counts[mode] ?? 0)) / total]));
}

/** The values that a row's formulas read: lenient or strict figures by its `score_by`. */
export function figuresOf(row: Omit<Row, 'verdict' | 'outcome' | 'verdict_reason'>): CriteriaValues {
  const strict = row.score_by === 'strict';
  const { base, baseline } = row;
  const baseCategories = strict ? base?.strict_categories : base?.categories;
  const noRows = baseline !== null && baseline.overall === null && Object.keys(baseline.categories).length === 0;
  return {
    overall: strict ? row.strict : row.overall,
    strict: row.strict,
    categories: (strict ? row.strict_categories : row.categories) ?? {},
    modes: row.modes === null ? {} : modeShares(row.modes),
    baseline: { ...baseline?.categories, overall: baseline?.overall ?? null },
    base: base === null ? {} : { ...baseCategories, overall: strict ? base.strict : base.overall, strict: base.strict },
    metrics: {
      val_loss: row.metrics.val_loss,
      train_loss: row.metrics.train_loss,
      train_seconds: row.seconds.train ?? null,
      temp_peak_gb: row.bytes.temp_peak === null ? null : row.bytes.temp_peak / 2 ** 30,
    },
    why: {
      ...(noRows && { baseline: 'baseline has no rows' }),
      ...(base === null && { base: 'the base model has no score' }),
    },
  };
}

function meanFigures(tables: readonly Readonly<Record<string, Figure>>[]): Record<string, Figure> {
  const names = [...new Set(tables.flatMap((table) => Object.keys(table)))];
  return Object.fromEntries(names.map((name) => [name, mean(tables.map((table) => table[name] ?? null))]));
}

/** The means for the verdict of a phase. A figure that one run lacks is unknown. */
export function meanValues(runs: readonly CriteriaValues[]): CriteriaValues {
  const of = (pick: (run: CriteriaValues) => Figure) => mean(runs.map(pick));
  return {
    overall: of((run) => run.overall),
    strict: of((run) => run.strict),
    categories: meanFigures(runs.map((run) => run.categories)),
    modes: meanFigures(runs.map((run) => run.modes)),
    baseline: meanFigures(runs.map((run) => run.baseline)),
    base: meanFigures(runs.map((run) => run.base)),
    metrics: {
      val_loss: of((run) => run.metrics.val_loss),
      train_loss: of((run) => run.metrics.train_loss),
      train_seconds: of((run) => run.metrics.train_seconds),
      temp_peak_gb: of((run) => run.metrics.temp_peak_gb),
    },
    why: Object.assign({}, ...runs.map((run) => run.why)),
  };
}

function evaluatedAlike(own: MeasuredRow, others: readonly MeasuredRow[]): boolean | null {
  const all = [own, ...others];
  return others.length === 0 || all.some((row) => row.eval_identity === null) ? null : isAlike(all);
}

/**
 * The reference: figures as written, or means over a phase's done plain runs (a variant is another experiment), lenient
 * or strict like the score of the run. `own` is the row of the run so far.
 */
export function baselineOf(run: Run, own: MeasuredRow, rows: readonly Row[]): Row['baseline'] {
  const { baseline } = run;
  if (baseline === null) return null;
  if (typeof baseline !== 'string') {
    const { name, overall, categories, comparable = null } = baseline;
    return { name, overall, categories, comparable };
  }
  const strict = run.settings.eval.score_by === 'strict';
  const done = rows.filter(
    (row) =>
      row.phase.toLowerCase() === baseline.toLowerCase() &&
      row.variant === null &&
      row.status === 'done' &&
      row.run !== run.run,
  );
  return {
    name: baseline,
    overall: mean(done.flatMap((row) => (strict ? row.strict : row.overall) ?? [])),
    categories: meanTable(done.map((row) => (strict ? row.strict_categories : row.categories) ?? {})),
    comparable: evaluatedAlike(own, done),
  };
}
