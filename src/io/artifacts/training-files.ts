import { join } from 'node:path';
import type { TrainingFiles } from '../../core/mlx/training.ts';
import { files } from '../../events/stages/mlx.ts';
import { readText } from '../disk/files.ts';
import { ifDamaged } from '../disk/own-file.ts';

/** What a training left in a folder about its course. A file that cannot be read counts as absent. */
export async function readTraining(dir: string): Promise<TrainingFiles> {
  const read = (name: string): Promise<string | null> => readText(join(dir, name)).catch(ifDamaged(null));
  const [progress, log] = await Promise.all([read(files.progress), read('log.txt')]);
  return { progress, log };
}
