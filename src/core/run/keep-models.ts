import type { Run } from '../../events/run.ts';

/** What decides which final models stay, for one run. */
export interface ModelUser {
  readonly run: string;
  readonly phase: string;
  readonly number: number;
  readonly keep: Run['settings']['cleanup']['keep_model'];
  /** The run whose folder has its final model. Null for base + adapter, or an outside folder. */
  readonly owner: string | null;
  /** All runs whose fuse or quantize stage it may read. */
  readonly reads: readonly string[];
  /** Status of its row. Null if it has none, so it may still read the model. */
  readonly status: 'done' | 'failed' | 'cancelled' | null;
  readonly score: number | null;
}

/** The best done run, or the earlier one of equals. */
function bestOf(users: readonly ModelUser[]): ModelUser | undefined {
  const scored = users.filter(({ status, score }) => status === 'done' && score !== null);
  return [...scored].sort((a, b) => (b.score ?? 0) - (a.score ?? 0) || a.number - b.number)[0];
}

/**
 * Runs whose final model is to be removed. `none`: once the run has its row. `best`: once another run of the phase is
 * the best one. Two kinds are always kept: models that a run without a row reads, and those of failed or cancelled
 * runs, because `retry` resumes with them. `gone` has models that were removed before, which cannot be the kept one.
 */
export function modelsToRemove(users: readonly ModelUser[], gone: ReadonlySet<string>): string[] {
  const needed = new Set(users.filter(({ status }) => status === null).flatMap(({ reads }) => reads));
  return users
    .filter(({ run, owner, keep, status, phase }) => {
      if (owner !== run || gone.has(run) || status !== 'done' || needed.has(run)) return false;
      if (keep !== 'best') return keep === 'none';
      const others = users.filter((one) => one.phase === phase && (one.owner === null || !gone.has(one.owner)));
      const best = bestOf(others);
      return best !== undefined && best.owner !== run;
    })
    .map(({ run }) => run);
}
