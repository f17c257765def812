import { constants, type Stats } from 'node:fs';
import { copyFile, link, lstat, mkdir, readlink, realpath, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { DamagedFile } from '../../core/errors.ts';
import { isInside } from '../../events/paths.ts';
import { hasCode, ifAbsent, ifCode } from './files.ts';

/** Paths in manifests are untrusted data: an artifacts folder may come from another person, or contain a link. */

/**
 * The path of something that really is below `folder`: neither `folder` itself, nor anything on the way, nor the last
 * part leads elsewhere by a link. Throws DamagedFile, or the file system's error (ENOENT if it does not exist).
 */
export async function pathInside(folder: string, path: string): Promise<string> {
  const place = await parentInside(folder, path);
  const found = join(place, basename(path));
  // A link to itself leads nowhere, so it does not lead to its own place either.
  if ((await realpath(found).catch(ifCode(null, 'ELOOP'))) !== found) throw outside(folder, path);
  return found;
}

/** The same for a regular file, with its stats. */
export async function fileInside(folder: string, path: string): Promise<{ path: string; stats: Stats }> {
  const found = await pathInside(folder, path);
  const stats = await lstat(found);
  if (!stats.isFile()) throw new DamagedFile(join(folder, path), 'it is not a regular file');
  return { path: found, stats };
}

/**
 * Deletes a file or folder below `folder`: the only way in which phasebox deletes below artifacts/. A link is deleted
 * as a link. What does not exist counts as deleted. Throws DamagedFile for a path that leads out of `folder`.
 */
export async function removeInside(folder: string, path: string): Promise<void> {
  const place = await parentInside(folder, path).catch(ifAbsent(null));
  if (place !== null)
    await rm(join(place, basename(path)), { recursive: true, force: true }).catch(ifAbsent(undefined));
}

async function parentInside(folder: string, path: string): Promise<string> {
  if (!isInside(path)) throw outside(folder, path);
  // Not the real path of the folder itself: if it is a link, nothing is inside.
  const home = join(await realpath(dirname(folder)), basename(folder));
  const parent = await realpath(dirname(join(folder, path)));
  if (parent !== home && !parent.startsWith(`${home}${sep}`)) throw outside(folder, path);
  return parent;
}

const outside = (folder: string, path: string): DamagedFile =>
  new DamagedFile(join(folder, 'manifest.json'), `it names ${JSON.stringify(path)}, which leads out of its folder`);

/** A symbolic link named `name` below `folder`. One that is there stays: a tool of an earlier life may be reading through it. */
export async function linkInto(folder: string, name: string, target: string): Promise<void> {
  const there = await readlink(join(folder, name)).catch(ifCode(null, 'ENOENT', 'ENOTDIR', 'EINVAL')); // EINVAL: no link
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

/** Replaces what already has the name: an earlier process may have been killed while it wrote there. */
async function place(folder: string, name: string, make: (path: string) => Promise<void>): Promise<void> {
  await removeInside(folder, name);
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await make(path);
}
