import { betaQuantile, studentWithin } from './distributions.ts';
import { mean, variance } from './moments.ts';

/** 95 % intervals, in the unit of their input. `how.md` says what each assumes and how often it is right. */

export interface Interval {
  readonly low: number;
  readonly high: number;
}

export const level = 0.95;

/** Where the mean over all runs of a recipe on this suite may be: Student's t over run means. Null below 2 runs. */
export function meanInterval(values: readonly number[]): Interval | null {
  if (values.length < 2) return null;
  return around(mean(values), variance(values) / values.length, values.length - 1);
}

/**
 * Where the mean of one model over prompts of this kind may be, from the scores (0..1) of one run: "plus-two t". A
 * prompt with 0 and one with 1 are added, so that the width is never 0. Student's t with P + 1 degrees of freedom, cut
 * to 0..1.
 */
export function promptInterval(scores: readonly number[]): Interval {
  const all = [...scores, 0, 1];
  const { low, high } = around(mean(all), variance(all) / all.length, all.length - 1);
  return { low: Math.max(0, low), high: Math.min(1, high) };
}

/**
 * Where the mean over new runs and new prompts of this kind may be: two-way analysis of variance with both at random, V
 * = (MS_prompt + MS_run - MS_residual) / (P n), degrees of freedom by Satterthwaite (1946). Null below 2 runs or 2
 * prompts. `table`: runs x prompts, every run with the same prompts in the same order.
 */
export function newPromptsInterval(table: readonly (readonly number[])[]): Interval | null {
  const runs = table.length;
  const prompts = table[0]?.length ?? 0;
  if (runs < 2 || prompts < 2) return null;
  const { run, prompt, residual, grand } = meanSquares(table);
  // A negative variance component is noise: then the larger of the two mean squares is the smallest honest value.
  const spread = Math.max(prompt + run - residual, prompt, run);
  if (spread === 0) return { low: grand, high: grand };
  const parts = prompt ** 2 / (prompts - 1) + run ** 2 / (runs - 1) + residual ** 2 / ((prompts - 1) * (runs - 1));
  const df = Math.max((prompt + run - residual) ** 2 / parts, runs - 1);
  return around(grand, spread / (prompts * runs), df);
}

/** The mean squares of a two-way table with one value per cell. */
function meanSquares(table: readonly (readonly number[])[]) {
  const rowMeans = table.map(mean);
  const columns = (table[0] ?? []).map((_, at) => table.map((row) => row[at] ?? Number.NaN));
  const columnMeans = columns.map(mean);
  const grand = mean(rowMeans);
  let squares = 0;
  for (const [at, row] of table.entries()) {
    for (const [prompt, value] of row.entries()) {
      squares += (value - (rowMeans[at] ?? Number.NaN) - (columnMeans[prompt] ?? Number.NaN) + grand) ** 2;
    }
  }
  return {
    run: columns.length * variance(rowMeans),
    prompt: table.length * variance(columnMeans),
    residual: squares / ((table.length - 1) * (columns.length - 1)),
    grand,
  };
}

/** Where a share (0..1) may be if `k` of `n` had it: Clopper and Pearson (1934), exact, at least 95 %. */
export function shareInterval(k: number, n: number): Interval {
  const tail = (1 - level) / 2;
  return {
    low: k === 0 ? 0 : betaQuantile(tail, k, n - k + 1),
    high: k === n ? 1 : betaQuantile(1 - tail, k + 1, n - k),
  };
}

export function around(middle: number, squaredError: number, df: number): Interval {
  const half = studentWithin(level, df) * Math.sqrt(squaredError);
  return { low: middle - half, high: middle + half };
}
