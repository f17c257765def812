import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { ifAbsent } from '../disk/files.ts';
import { inParallel } from '../disk/in-parallel.ts';

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
