import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where phasebox keeps what all workspaces of this user share: `~/.cache/phasebox`, on macOS `~/Library/Caches/phasebox`. */
export function userCache(): string {
  const base =
    process.env.XDG_CACHE_HOME ||
    (process.platform === 'darwin' ? join(homedir(), 'Library', 'Caches') : join(homedir(), '.cache'));
  return join(base, 'phasebox');
}
