import { constants } from 'node:fs';
import { copyFile, link, mkdir, readlink, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasCode } from './files.ts';
import { removeInside } from './inside.ts';

/** Both replace what already has the name: an earlier process may have been killed while it wrote there. */

/** A symbolic link named `name` below `folder`. One that is there stays: a tool of an earlier life may be reading through it. */
export async function linkInto(folder: string, name: string, target: string): Promise<void> {
  const there = await readlink(join(folder, name)).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'EINVAL')) return null; // nothing there, or no link
    throw error;
  });
  if (there !== target) await place(folder, name, (path) => symlink(target, path));
}

/** The content of a file as `name` below `folder`: a hard link, which takes no space, or else a clone or a copy. */
export const copyInto = (folder: string, name: string, from: string): Promise<void> =>
  place(folder, name, (path) =>
    link(from, path).catch((error: unknown) => {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) throw error;
      return copyFile(from, path, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    }),
  );

async function place(folder: string, name: string, make: (path: string) => Promise<void>): Promise<void> {
  await removeInside(folder, name);
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await make(path);
}
