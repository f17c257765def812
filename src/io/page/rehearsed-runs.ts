import { join } from 'node:path';
import type { PhaseOnPage } from '../../core/compare/groups.ts';
import type { RehearsedRun } from '../../core/page/report-rehearsals.ts';
import { isStarted, rehearsedIn } from '../../core/run/due.ts';
import { readJournal } from '../artifacts/run-folder.ts';
import { inParallel } from '../disk/in-parallel.ts';
import { ifDamaged } from '../disk/own-file.ts';
import { readRehearsals } from '../workspace/rehearsals.ts';

interface Known {
  readonly phases: readonly PhaseOnPage[];
  /** Runs that have their row. */
  readonly withRow: ReadonlySet<string>;
}

/** Runs that were rehearsed and have not started, in order of acceptance. The records say which journals to read. */
export async function rehearsedRuns(
  artifacts: string,
  state: string,
  { phases, withRow }: Known,
): Promise<RehearsedRun[]> {
  const rehearsed = new Set((await readRehearsals(state)).flatMap(({ runs }) => runs));
  if (rehearsed.size === 0) return [];
  const open = phases.flatMap(({ phase, runs }) =>
    runs.filter((run) => rehearsed.has(run) && !withRow.has(run)).map((run) => ({ run, phase })),
  );
  const found = await inParallel(open, async ({ run, phase }) => {
    const journal = await readJournal(join(artifacts, phase, run)).catch(ifDamaged([]));
    const result = isStarted(journal) ? null : rehearsedIn(journal);
    return result === null ? [] : [{ run, result }];
  });
  return found.flat();
}
