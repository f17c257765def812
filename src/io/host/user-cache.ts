import { lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError } from '../../core/errors.ts';
import { ifAbsent, ifThere } from '../disk/files.ts';
import { homeOrNull } from './home.ts';

/** What all workspaces of this user share: `~/.cache/phasebox`, or `~/Library/Caches/phasebox` on macOS. */
export async function userCache(): Promise<string> {
  const home = homeOrNull();
  if (process.env.XDG_CACHE_HOME) return join(process.env.XDG_CACHE_HOME, 'phasebox');
  if (home === null) return cacheInTemp();
  return join(home, process.platform === 'darwin' ? 'Library/Caches' : '.cache', 'phasebox');
}

/** The same without a writable home folder. All processes of this user share it. Throws CommandError 3 if taken. */
export async function cacheInTemp(): Promise<string> {
  const path = join(tmpdir(), `phasebox-${process.getuid?.() ?? 0}`);
  await mkdir(path, { mode: 0o700 }).catch(ifThere(undefined));
  if (await isPrivate(path)) return path;
  const why = 'it is not a folder of this user, or others may write to it';
  throw new CommandError(3, `${path} is not used: ${why}. Remove it, or set XDG_CACHE_HOME to a folder of your own.`);
}

/** True for a folder, not a link, that belongs to this user and that no other user may write to. */
export async function isPrivate(path: string): Promise<boolean> {
  const found = await lstat(path).catch(ifAbsent(null));
  return found?.isDirectory() === true && found.uid === process.getuid?.() && (found.mode & 0o022) === 0;
}
