import type { Stats } from 'node:fs';
import { lstat, open, readdir, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { DamagedFile, messageOf } from '../../core/errors.ts';
import { keptOutputs } from '../../core/run/outputs.ts';
import { type Manifest, manifest, type OutputFile } from '../../events/run.ts';
import { files } from '../../events/stages/mlx.ts';
import { hasCode, ifAbsent, sync, useFile } from '../disk/files.ts';
import { inParallel } from '../disk/in-parallel.ts';
import { fileInside } from '../disk/inside.ts';
import { ifDamaged, readOwn } from '../disk/own-file.ts';
import { fileHash } from '../thread/content-hash.ts';
import { controlFiles } from '../tool/tool-process.ts';

/** The six calls that decide what a power cut leaves. They are a parameter, so that tests can check their order. */
export interface CommitFs {
  remove(path: string): Promise<void>;
  write(path: string, text: string): Promise<void>;
  list(folder: string): Promise<readonly { readonly path: string; readonly isFolder: boolean }[]>;
  sync(path: string): Promise<void>;
  /** Fails if `to` is a folder that is not empty: the manifest inside a committed folder is the fence. */
  rename(from: string, to: string): Promise<void>;
  syncFolder(path: string): Promise<void>;
}

export const diskFs: CommitFs = {
  remove: (path) => unlink(path).catch(ifAbsent(undefined)),
  write: (path, text) => useFile(open(path, 'wx'), (file) => file.writeFile(text)),
  async list(folder) {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() || entry.isDirectory())
      .map((entry) => ({ path: join(folder, entry.name), isFolder: entry.isDirectory() }));
  },
  sync,
  rename,
  syncFolder: sync,
};

/** A temporary manifest, which gets its name when everything in it is on the disk. */
const draftName = 'manifest.json.tmp';

/**
 * Publishes an attempt folder: manifest written, all synced, manifest renamed, control files removed, folder renamed to
 * `target`, parent synced. Nothing is published before the last rename, and after it all is on the disk.
 */
export async function commit(dir: string, target: string, content: object, fs: CommitFs = diskFs): Promise<void> {
  const draft = join(dir, draftName);
  await fs.remove(draft);
  await fs.write(draft, `${JSON.stringify(content, null, 2)}\n`);
  await syncTree(dir, fs);
  // Before the control files are removed: without them, nothing shows that the tools have finished.
  await fs.rename(draft, join(dir, 'manifest.json'));
  await publish(dir, target, fs);
}

/** Resumes a commit that a crash interrupted after the manifest had its name. Null if it had not come that far. */
export async function finishCommit(dir: string, target: string): Promise<Manifest | null> {
  // An unreadable manifest proves nothing: the attempt continues as if it had none.
  const found = await readOwn(manifest, { path: join(dir, 'manifest.json') }).catch(ifDamaged(null));
  if (found === null) return null;
  if ((await changedOutput(dir, found)) !== null) return null;
  await publish(dir, target, diskFs);
  return found;
}

async function publish(dir: string, target: string, fs: CommitFs): Promise<void> {
  await removeControl(dir, fs);
  await fs.syncFolder(dir);
  await fs.rename(dir, target);
  await fs.syncFolder(dirname(target));
}

async function removeControl(dir: string, fs: CommitFs): Promise<void> {
  await Promise.all(controlFiles.map((name) => fs.remove(join(dir, name))));
  for (const entry of await fs.list(dir)) if (entry.isFolder) await removeControl(entry.path, fs);
}

async function syncTree(dir: string, fs: CommitFs): Promise<void> {
  const entries = await fs.list(dir);
  // At the same time, so that the disk combines the flushes.
  await Promise.all(entries.map((entry) => (entry.isFolder ? syncTree(entry.path, fs) : fs.sync(entry.path))));
  await fs.syncFolder(dir);
}

/** Not outputs: they record how a tool ran, and grow or disappear at the commit. */
const notOutputs: ReadonlySet<string> = new Set([
  ...controlFiles,
  ...['command.json', 'log.txt', files.progress, 'manifest.json', draftName],
]);

/** All outputs of an attempt folder, hashed in parallel (one processor per shard). Paths are relative, with `/`. */
export async function hashOutputs(dir: string): Promise<OutputFile[]> {
  const outputs = await inParallel(await outputPaths(dir), async (path): Promise<OutputFile> => {
    const { size, mtimeMs, ino } = await lstat(path);
    const name = relative(dir, path).split(sep).join('/');
    return { path: name, bytes: size, mtime_ms: mtimeMs, inode: ino, sha256: await fileHash(path) };
  });
  return outputs.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function outputPaths(dir: string): Promise<string[]> {
  const entries = await diskFs.list(dir);
  const nested = await Promise.all(
    entries.map(({ path, isFolder }) => {
      if (isFolder) return outputPaths(path);
      return notOutputs.has(basename(path)) ? [] : [path];
    }),
  );
  return nested.flat();
}

/** The stats of an output that has its size, else what is wrong with it, in words. */
export async function lookAtOutput(folder: string, output: OutputFile): Promise<Stats | string> {
  const path = join(folder, output.path);
  try {
    const { stats } = await fileInside(folder, output.path);
    return stats.size === output.bytes ? stats : `${path} has ${stats.size} bytes instead of ${output.bytes}`;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return `${path} is gone`;
    return `${path} cannot be read: ${error instanceof DamagedFile ? error.reason : messageOf(error)}`;
  }
}

/** The first output that differs from its manifest, in words, or null. Reads a file if size, mtime or inode differ. */
export async function changedOutput(folder: string, committed: Manifest): Promise<string | null> {
  for (const output of keptOutputs(committed)) {
    const found = await lookAtOutput(folder, output);
    if (typeof found === 'string') return found;
    if (found.mtimeMs === output.mtime_ms && found.ino === output.inode) continue;
    const path = join(folder, output.path);
    // A workspace that was copied or restored from a backup has the same bytes with other times and inodes.
    if ((await fileHash(path)) !== output.sha256) return `${path} was written to after it was made`;
  }
  return null;
}
