import { lstat, readdir, readlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileHash } from '../../src/io/thread/content-hash.ts';

/** Everything below a folder: a line each with its kind, size, time and content. Two equal lists are two equal trees. */
export async function treeOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const lines = await Promise.all(
    entries.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const { mode, size, mtimeMs } = await lstat(path);
      const content = entry.isFile() ? await fileHash(path) : entry.isSymbolicLink() ? await readlink(path) : '';
      return [relative(folder, path), mode.toString(8), size, mtimeMs, content].join(' ');
    }),
  );
  return lines.sort();
}
