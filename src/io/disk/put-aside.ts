import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type StageName, stageFolder } from '../../events/stages.ts';
import { ifAbsent, sync } from './files.ts';
import { removeInside } from './inside.ts';

/** `.3-fuse.replaced`: a committed stage that is being removed, and no longer part of the run. */
const replacedFolder = (stage: StageName): string => `.${stageFolder(stage)}.replaced`;

/**
 * Removes committed stages of a run, so that they run again: renamed, then deleted. The last stage goes first, so that
 * a crash always leaves a beginning of the chain. Doing it again finishes it.
 */
export async function putAside(runFolder: string, stages: readonly StageName[]): Promise<void> {
  for (const stage of stages.toReversed()) {
    await removeInside(runFolder, replacedFolder(stage));
    const [from, to] = [stageFolder(stage), replacedFolder(stage)].map((name) => join(runFolder, name));
    await rename(String(from), String(to)).catch(ifAbsent(undefined));
  }
  await sync(runFolder);
  for (const stage of stages) await removeInside(runFolder, replacedFolder(stage));
}
