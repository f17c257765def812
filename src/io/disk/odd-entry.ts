import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isCarried } from '../../events/stages/stage-row.ts';
import { ifAbsent, isOddFile } from './files.ts';

/** Names with what belongs below them, at any depth. Below all other names there are files and folders. */
export interface Expected {
  readonly fifos: readonly string[];
  /** Names that must be files. A `*` stands for any text. */
  readonly files?: readonly string[];
}

/** The first path below a folder that blocks its reader, has no target, or is no file where one belongs, or null. */
export async function oddEntry(folder: string, expected: Expected): Promise<string | null> {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(ifAbsent([]))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      const below = isCarried(expected.files ?? [], entry.name) ? path : await oddEntry(path, expected);
      if (below !== null) return below;
    } else if (entry.isSymbolicLink()) {
      if (await isLoop(path)) return path;
    } else if (!entry.isFile() && !(entry.isFIFO() && expected.fifos.includes(entry.name))) return path;
  }
  return null;
}

const isLoop = (path: string): Promise<boolean> => stat(path).then(() => false, isOddFile);
