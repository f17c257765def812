import { lstat, mkdir } from 'node:fs/promises';
import { CommandError } from '../../core/errors.ts';
import { ifAbsent, ifThere } from './files.ts';

/** The temp folder of the system is shared: what has a known name there may belong to another user. */

/** True for a folder, not a link, that belongs to this user and that no other user may write to. */
export async function isPrivate(path: string): Promise<boolean> {
  const found = await lstat(path).catch(ifAbsent(null));
  return found?.isDirectory() === true && found.uid === process.getuid?.() && (found.mode & 0o022) === 0;
}

/** Makes or uses a folder in the system's temp folder. Throws CommandError 3 if it belongs to another user. */
export async function privateFolder(path: string): Promise<string> {
  await mkdir(path, { mode: 0o700 }).catch(ifThere(undefined));
  if (await isPrivate(path)) return path;
  throw new CommandError(
    3,
    `${path} is not used: it is not a folder of this user, or others may write to it. Remove it, or set XDG_CACHE_HOME to a folder of your own.`,
  );
}
