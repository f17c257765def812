import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ifAbsent, isOddFile } from './files.ts';

/** Names with what belongs under them, at any depth. Under all other names files and folders do. */
export interface Expected {
  readonly fifos: readonly string[];
  /** Names under which nothing but a file is of use. */
  readonly files?: readonly string[];
}

/**
 * The path of the first thing below a folder that would hold who opens it, leads nowhere, or is no file where one belongs:
 * a fifo, a socket, a link to itself, a folder. Null: there is none.
 */
export async function oddEntry(folder: string, expected: Expected): Promise<string | null> {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(ifAbsent([]))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      const below = expected.files?.includes(entry.name) === true ? path : await oddEntry(path, expected);
      if (below !== null) return below;
    } else if (entry.isSymbolicLink()) {
      if (await isLoop(path)) return path;
    } else if (!entry.isFile() && !(entry.isFIFO() && expected.fifos.includes(entry.name))) return path;
  }
  return null;
}

function isLoop(path: string): Promise<boolean> {
  return stat(path).then(
    () => false,
    (error: unknown) => isOddFile(error),
  );
}
