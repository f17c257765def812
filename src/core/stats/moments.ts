/** The mean, or NaN of none. Relative to the first value, so that equal values have a variance of exactly 0. */
export function mean(values: readonly number[]): number {
  const first = values[0] ?? Number.NaN;
  let sum = 0;
  for (const value of values) sum += value - first;
  return first + sum / values.length;
}

/** Sums of the same points that were added in another order are closer than this. */
export const rounding = 1e-9;

/** Whether values have no spread: they are equal, apart from the order in which their points were added. */
export const allSame = (values: readonly number[]): boolean => Math.max(...values) - Math.min(...values) < rounding;

/** The sample variance (n - 1), or NaN below two values. */
export function variance(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN;
  const middle = mean(values);
  let squares = 0;
  for (const value of values) squares += (value - middle) ** 2;
  return squares / (values.length - 1);
}
