import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type ListenOptions } from 'node:net';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { ifAbsent } from '../disk/files.ts';

/** What phasebox needs of a folder's file system, found by trying it. Everything that this makes is deleted again. */

/** Does something in a new hidden folder below `folder`. Throws if the folder cannot be made. */
export async function inDraft<T>(folder: string, work: (draft: string) => Promise<T>): Promise<T> {
  const draft = await mkdtemp(join(folder, '.doctor-'));
  try {
    return await work(draft);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** The folder, or the nearest existing one above it, whose file system the folder will be on once it is made. */
export async function nearestFolder(path: string): Promise<string> {
  return (await stat(path).catch(ifAbsent(null))) === null ? nearestFolder(dirname(path)) : path;
}

/** Writes, renames and reads: by how many ms the file system's clock is ahead of ours. Throws if it is not writable. */
export function writeAndRename(folder: string): Promise<number> {
  return inDraft(folder, async (draft) => {
    const before = Date.now();
    await writeFile(join(draft, 'a'), 'x');
    const after = Date.now();
    await mkdir(join(draft, 'b'));
    await rename(join(draft, 'a'), join(draft, 'b', 'a'));
    const { mtimeMs } = await stat(join(draft, 'b', 'a'));
    // A file system may store whole seconds, or two (FAT). Only a value outside of that span is a difference.
    return mtimeMs > after ? mtimeMs - after : Math.min(0, mtimeMs + 2000 - before);
  });
}

/** Why no fifo can be made in a folder (exFAT and some network drives have none), or null if it can. */
export function fifoProblem(folder: string): Promise<string | null> {
  return inDraft(folder, async (draft) => {
    const { failed, stderr, shortMessage } = await execa('mkfifo', [join(draft, 'fifo')], { reject: false });
    return failed ? stderr.trim() || shortMessage || 'mkfifo failed' : null;
  });
}

/** Why it is not possible to listen on a unix socket or a TCP port, or null if it is. */
export function listenProblem(at: ListenOptions): Promise<Error | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen(at, () => server.close(() => resolve(null)));
  });
}

/** Folders directly below one that are on another file system: a rename into them would fail. */
export async function foreignFolders(folder: string): Promise<string[]> {
  const { dev } = await stat(folder);
  const names = (await readdir(folder, { withFileTypes: true })).filter((entry) => !entry.isFile());
  const found = await Promise.all(
    names.map(async ({ name }) => {
      const path = join(folder, name);
      const entry = await stat(path).catch(() => null); // a link without a target is not a folder
      return entry?.isDirectory() && entry.dev !== dev ? [path] : [];
    }),
  );
  return found.flat();
}
