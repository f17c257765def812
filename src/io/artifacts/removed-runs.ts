import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { isUntouched } from '../../core/run/due.ts';
import type { Row } from '../../events/row.ts';
import { ifAbsent } from '../disk/files.ts';
import { inParallel } from '../disk/in-parallel.ts';
import { ifDamaged } from '../disk/own-file.ts';
import { readJournal, readRun } from './run-folder.ts';
import type { RunStore } from './run-store.ts';

/** A row without its run folder is an old row: the folder decides, and a run that is accepted again is a new one. */

/** Rows by the state of their runs. */
export interface SortedRows<T> {
  /** By run: rows of existing runs (including damaged ones). */
  readonly own: ReadonlyMap<string, T>;
  /** Rows of earlier runs: a run of the same name was accepted later, and has done nothing yet. */
  readonly replaced: readonly T[];
  /** Rows of runs whose folder was removed. */
  readonly removed: readonly T[];
}

/** Sorts all rows of a workspace by its runs, as of the run store's last `refresh`. */
export async function sortRows<T extends Pick<Row, 'run'>>(rows: readonly T[], runs: RunStore): Promise<SortedRows<T>> {
  const damaged = new Set(runs.leftOut().flatMap((left) => (left.kind === 'damaged' ? [left.run] : [])));
  const own = new Map<string, T>();
  const [replaced, removed]: [T[], T[]] = [[], []];
  for (const row of rows) {
    const stored = runs.get(row.run);
    if (stored === undefined && !damaged.has(row.run)) removed.push(row);
    else if (stored !== undefined && (await runs.isUntouched(stored))) replaced.push(row);
    else own.set(row.run, row);
  }
  return { own, replaced, removed };
}

/** Those of the given rows without a run, according to the disk. */
export async function oldRows(artifacts: string, rows: readonly Row[]): Promise<Row[]> {
  const old = await inParallel(rows, ({ phase, run }) => isOld(join(artifacts, phase, run)).catch(ifDamaged(false)));
  return rows.filter((_, index) => old[index]);
}

const isOld = async (folder: string): Promise<boolean> =>
  (await readRun(folder)) === null || isUntouched(await readJournal(folder));

/** Accepted runs whose folder was deleted before they finished. `isKnown`: it has a row or is in the run store. */
export async function missingRuns(
  artifacts: string,
  { phase, runs }: { readonly phase: string; readonly runs: readonly string[] },
  isKnown: (run: string) => boolean,
): Promise<string[]> {
  const unknown = runs.filter((run) => !isKnown(run));
  const found = await inParallel(unknown, (run) => lstat(join(artifacts, phase, run)).catch(ifAbsent(null)));
  return unknown.filter((_, index) => found[index] === null);
}
