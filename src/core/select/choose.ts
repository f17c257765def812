import type { Candidate } from '../../events/stages/select.ts';

/** The figure that decides: the highest `overall` or `strict`, or the lowest `val_loss`. */
export type Measure = 'overall' | 'strict' | 'val_loss';

/**
 * The best candidate, or null if none has the figure. Of equal ones the last: a tie says nothing, and `by: last` would
 * use it too.
 */
export function bestOf(candidates: readonly Candidate[], figure: Measure): Candidate | null {
  const worth = (one: Candidate): number => {
    const value = one[figure];
    return value === null ? Number.NEGATIVE_INFINITY : figure === 'val_loss' ? -value : value;
  };
  const known = candidates.filter((one) => one[figure] !== null);
  return known.reduce<Candidate | null>((best, one) => (best === null || worth(one) >= worth(best) ? one : best), null);
}
