import { join } from 'node:path';
import type { Run } from '../../events/run.ts';
import { ifDamaged } from '../disk/own-file.ts';
import { readRun, subfolders } from './run-folder.ts';

/**
 * Phases that were put away: `artifacts/.forgotten/<phase>/<n>`, each by one rename of the phase's folder, so that a kill
 * leaves it here or there. Their rows stay in results.jsonl, and the readers of rows leave them out.
 */
export const forgottenFolder = (artifacts: string): string => join(artifacts, '.forgotten');

/** What was put away under this name: the folders, the latest last. Empty also if `gc` deleted them. */
export async function putAwayFolders(artifacts: string, phase: string): Promise<string[]> {
  const own = join(forgottenFolder(artifacts), phase);
  const numbers = (await subfolders(own)).filter((name) => /^\d+$/.test(name)).map(Number);
  return numbers.sort((a, b) => a - b).map((number) => join(own, String(number)));
}

/** All names under which something was put away. Most of them are used again when a phase was replaced. */
export const putAwayNames = (artifacts: string): Promise<string[]> => subfolders(forgottenFolder(artifacts));

/** The phases that are forgotten: put away, and no other phase has the name now. */
export async function forgottenPhases(artifacts: string): Promise<ReadonlySet<string>> {
  const names = await putAwayNames(artifacts);
  if (names.length === 0) return new Set();
  const used = new Set((await subfolders(artifacts)).map((name) => name.toLowerCase()));
  return new Set(names.filter((name) => !used.has(name.toLowerCase())));
}

/** Whether the folder of this very run was put away, and not one that another run of its name had. */
export async function isPutAway(artifacts: string, { phase, run, accepted }: Run): Promise<boolean> {
  for (const folder of await putAwayFolders(artifacts, phase)) {
    const plan = await readRun(join(folder, run)).catch(ifDamaged(null));
    if (plan?.accepted === accepted) return true;
  }
  return false;
}
