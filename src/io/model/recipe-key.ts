import { stat } from 'node:fs/promises';
import { relative } from 'node:path';
import { type RecipePlace, type Rehearsable, recipeText } from '../../core/plan/rehearsal-recipe.ts';
import { ifAbsent } from '../disk/files.ts';
import { filesBelow, textHash } from '../disk/hash.ts';
import { inParallel } from '../disk/in-parallel.ts';

/**
 * A name for the recipe of a training: runs with the same one are rehearsed once. A file counts by name, size and time,
 * since hashing a model takes as long as a rehearsal. `baseModel`: the folder of the base model.
 */
export async function recipeKey(
  run: Rehearsable,
  baseModel: string,
  { versions, memory_gb }: RecipePlace,
): Promise<string> {
  const [model, data, suite, resumed] = await Promise.all([
    stampOf(baseModel),
    stampOf(run.data?.folder ?? null),
    stampOf(run.settings.eval.suite),
    stampOf(run.settings.train?.resume_adapter_file ?? null),
  ]);
  return textHash(recipeText(run, { model, data, suite, resumed, versions, memory_gb })).slice(0, 32);
}

/** What changes with the content of a file or folder. What does not exist has none. */
async function stampOf(path: string | null): Promise<string> {
  const found = path === null ? null : await stat(path).catch(ifAbsent(null));
  if (path === null || found === null) return '';
  const files = found.isFile() ? [path] : await filesBelow(path);
  const lines = await inParallel(files, async (file) => {
    const { size, mtimeMs } = await stat(file);
    return `${relative(path, file)}\0${size}\0${mtimeMs}`;
  });
  return textHash(lines.join('\n'));
}
