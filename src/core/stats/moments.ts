/**
 * The mean; NaN of nothing. Taken from the first value on, so that equal values have exactly their value as mean and
 * exactly 0 as variance.
 */
export function mean(values: readonly number[]): number {
  const first = values[0] ?? Number.NaN;
  let sum = 0;
  for (const value of values) sum += value - first;
  return first + sum / values.length;
}

/** Closer than this are two sums of the same points, added in another order. */
export const rounding = 1e-9;

/** Whether values tell no spread: all are the same but for the order in which their points were added. */
export const allSame = (values: readonly number[]): boolean => Math.max(...values) - Math.min(...values) < rounding;

/** The sample variance (n - 1); NaN below two values. */
export function variance(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN;
  const middle = mean(values);
  let squares = 0;
  for (const value of values) squares += (value - middle) ** 2;
  return squares / (values.length - 1);
}
