import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { privateFolder } from '../disk/private-folder.ts';
import { homeOrNull } from './home.ts';

/** What all workspaces of this user share: `~/.cache/phasebox`, or `~/Library/Caches/phasebox` on macOS. */
export async function userCache(): Promise<string> {
  const home = homeOrNull();
  if (process.env.XDG_CACHE_HOME) return join(process.env.XDG_CACHE_HOME, 'phasebox');
  if (home === null) return cacheInTemp();
  return join(home, process.platform === 'darwin' ? 'Library/Caches' : '.cache', 'phasebox');
}

/**
 * The same if there is no writable home folder. Other processes of this user must find it by its name, since they queue
 * for the machine there. Throws CommandError 3 if something else has that name.
 */
export const cacheInTemp = (): Promise<string> => privateFolder(join(tmpdir(), `phasebox-${process.getuid?.() ?? 0}`));
