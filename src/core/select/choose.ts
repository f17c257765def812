import type { Candidate } from '../../events/stages.ts';

/** What decides: `overall` and `strict` the higher the better, `val_loss` the lower. */
export type Figure = 'overall' | 'strict' | 'val_loss';

/**
 * The best candidate; null when none has the figure. Of equals the last: a tie says nothing, and the last is what
 * `by: last` would take.
 */
export function bestOf(candidates: readonly Candidate[], figure: Figure): Candidate | null {
  const worth = (one: Candidate): number => {
    const value = one[figure];
    return value === null ? Number.NEGATIVE_INFINITY : figure === 'val_loss' ? -value : value;
  };
  const known = candidates.filter((one) => one[figure] !== null);
  return known.reduce<Candidate | null>((best, one) => (best === null || worth(one) >= worth(best) ? one : best), null);
}
