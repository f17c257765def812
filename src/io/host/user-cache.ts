import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { privateFolder } from '../disk/private-folder.ts';
import { homeOrNull } from './home.ts';

/** Where phasebox keeps what all workspaces of this user share: `~/.cache/phasebox`, on macOS `~/Library/Caches/phasebox`. */
export async function userCache(): Promise<string> {
  const home = homeOrNull();
  if (process.env.XDG_CACHE_HOME) return join(process.env.XDG_CACHE_HOME, 'phasebox');
  if (home === null) return cacheInTemp();
  return join(home, process.platform === 'darwin' ? 'Library/Caches' : '.cache', 'phasebox');
}

/**
 * The same where there is no home folder to write to. Another process of this user must find it by its name: it is where
 * the machine is waited for. Throws CommandError 3 when something else has that name.
 */
export const cacheInTemp = (): Promise<string> => privateFolder(join(tmpdir(), `phasebox-${process.getuid?.() ?? 0}`));
