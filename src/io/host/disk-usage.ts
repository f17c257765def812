import { lstat, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../disk/files.ts';

/** Bytes of all files below a folder (links not followed). Files that vanish while it looks count 0. */
export async function folderBytes(folder: string): Promise<number> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const sizes = await Promise.all(
      entries.map(async (entry) => {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) return folderBytes(path);
        return entry.isFile() ? (await lstat(path)).size : 0;
      }),
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return 0;
    throw error;
  }
}

/** Bytes that a user may still write on the file system of a path. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

/** Largest size of a folder, looked at every second while something works in it. `stop` looks once more. */
export function watchPeak(folder: string): { stop(): Promise<number> } {
  let peak = 0;
  const look = async (): Promise<void> => {
    peak = Math.max(peak, await folderBytes(folder));
  };
  let looking = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, 1000);
  return {
    async stop() {
      clearInterval(timer);
      await looking;
      await look();
      return peak;
    },
  };
}
