import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** The folders of PATH. */
export const pathFolders = ({ PATH = '' }: NodeJS.ProcessEnv = process.env): string[] =>
  PATH.split(delimiter).filter((folder) => folder !== '');

/**
 * The first program on PATH with one of these names, or null. Its path is not resolved: a virtual environment's python
 * and Debian's redis-server are links that depend on the name by which they are called.
 */
export async function which(names: readonly string[], env?: NodeJS.ProcessEnv): Promise<string | null> {
  for (const folder of pathFolders(env))
    for (const name of names) if (await isExecutable(join(folder, name))) return join(folder, name);
  return null;
}

export const isExecutable = async (path: string): Promise<boolean> =>
  (await access(path, constants.X_OK).catch(() => false)) !== false;
