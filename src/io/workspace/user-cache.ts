import { join } from 'node:path';
import { homeFolder } from '../home.ts';

/** Where phasebox keeps what all workspaces of this user share: `~/.cache/phasebox`, on macOS `~/Library/Caches/phasebox`. */
export function userCache(): string {
  const base =
    process.env.XDG_CACHE_HOME ||
    (process.platform === 'darwin' ? join(homeFolder(), 'Library', 'Caches') : join(homeFolder(), '.cache'));
  return join(base, 'phasebox');
}
