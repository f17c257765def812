import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type StageName, stageFolder } from '../../events/stages.ts';
import { hasCode, sync } from './files.ts';
import { removeInside } from './inside.ts';

/** `.3-fuse.replaced`: a committed stage on its way out, no longer part of the run. */
const replacedFolder = (stage: StageName): string => `.${stageFolder(stage)}.replaced`;

/**
 * Takes committed stages of a run away, so that they are made anew: renamed, then deleted. The last stage goes first: what
 * a crash leaves is always a beginning of the chain. Doing it again finishes it.
 */
export async function putAside(runFolder: string, stages: readonly StageName[]): Promise<void> {
  for (const stage of stages.toReversed()) {
    await removeInside(runFolder, replacedFolder(stage));
    await rename(join(runFolder, stageFolder(stage)), join(runFolder, replacedFolder(stage))).catch(
      (error: unknown) => {
        if (!hasCode(error, 'ENOENT')) throw error;
      },
    );
  }
  await sync(runFolder);
  for (const stage of stages) await removeInside(runFolder, replacedFolder(stage));
}
