import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ifAbsent, isOddFile } from './files.ts';

/**
 * The path of the first thing below a folder that would hold who opens it or leads nowhere: a fifo, a socket, a link to
 * itself. Null: there is none. `expected`: names of fifos that belong there.
 */
export async function oddEntry(folder: string, expected: readonly string[]): Promise<string | null> {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(ifAbsent([]))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      const below = await oddEntry(path, expected);
      if (below !== null) return below;
    } else if (entry.isSymbolicLink()) {
      if (await isLoop(path)) return path;
    } else if (!entry.isFile() && !(entry.isFIFO() && expected.includes(entry.name))) return path;
  }
  return null;
}

function isLoop(path: string): Promise<boolean> {
  return stat(path).then(
    () => false,
    (error: unknown) => isOddFile(error),
  );
}
