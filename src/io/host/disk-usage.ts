import { lstat, readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { openQueue } from '../../core/keyed-lock.ts';
import { ifAbsent, listNames } from '../disk/files.ts';

/** Bytes of all files below a folder (links not followed). Files that disappear meanwhile count 0. */
export async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(ifAbsent([]));
  const sizes = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return folderBytes(path);
      return entry.isFile() ? ((await lstat(path).catch(ifAbsent(null)))?.size ?? 0) : 0;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Bytes of the files directly in a folder. Links are followed, since the Hub's cache consists of them. */
export async function filesBytes(folder: string): Promise<number> {
  const sizes = (await listNames(folder)).map(async (name) => {
    // A link without a target (a README in the Hub's cache) takes no space.
    const entry = await stat(join(folder, name)).catch(ifAbsent(null));
    return entry?.isFile() ? entry.size : 0;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** Bytes that a user may still write on the file system of a path. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

/** The largest size of a folder, measured every second while something works in it. `stop` measures once more. */
export function watchPeak(folder: string): { stop(): Promise<number> } {
  let peak = 0;
  const look = async (): Promise<void> => {
    peak = Math.max(peak, await folderBytes(folder));
  };
  const queue = openQueue();
  const timer = setInterval(() => void queue(look).catch(() => undefined), 1000);
  return {
    async stop() {
      clearInterval(timer);
      await queue(look);
      return peak;
    },
  };
}
