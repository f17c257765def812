import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { factsOf, type TrainingFiles } from '../../core/mlx/training.ts';
import { files } from '../../events/stages/mlx.ts';
import { readText } from '../disk/files.ts';
import { ifDamaged } from '../disk/own-file.ts';
import { isAlive } from '../tool/tool-process.ts';

/** What a training left in a folder about its course. A file that cannot be read counts as absent. */
export async function readTraining(dir: string): Promise<TrainingFiles> {
  const read = (name: string): Promise<string | null> => readText(join(dir, name)).catch(ifDamaged(null));
  const [progress, log] = await Promise.all([read(files.progress), read('log.txt')]);
  return { progress, log };
}

/**
 * Asks the main tool of an attempt to save its state and to end, by the file that its stage names. True too if an owner
 * that was killed had asked, and the tool has ended since. False if none runs, or if it cannot do that: plain
 * `mlx_lm lora` has no states.
 */
export async function askToPause(dir: string, pauseFile: string | null): Promise<boolean> {
  if (pauseFile === null) return false;
  if (!(await isAlive(dir))) return (await readText(join(dir, pauseFile))) !== null;
  const { progress } = await readTraining(dir);
  if (factsOf(progress)?.fallback != null) return false;
  await writeFile(join(dir, pauseFile), '');
  return true;
}
