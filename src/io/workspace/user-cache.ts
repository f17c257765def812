import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { homeOrNull } from '../home.ts';

/** Where phasebox keeps what all workspaces of this user share: `~/.cache/phasebox`, on macOS `~/Library/Caches/phasebox`. */
export function userCache(): string {
  const home = homeOrNull();
  if (process.env.XDG_CACHE_HOME) return join(process.env.XDG_CACHE_HOME, 'phasebox');
  // Another process of this user must find the same folder: it is where the machine is waited for.
  if (home === null) return join(tmpdir(), `phasebox-${process.getuid?.() ?? 0}`);
  return join(home, process.platform === 'darwin' ? 'Library/Caches' : '.cache', 'phasebox');
}
