import { constants } from 'node:fs';
import { copyFile, lstat, mkdir, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { CommandError } from '../../core/errors.ts';
import { commandLine } from '../tool/process-facts.ts';
import { freeBytes } from './disk-usage.ts';
import { hasCode, ifAbsent, sync } from './files.ts';
import { fileHash } from './hash.ts';

/** A file to copy: from an absolute path to one inside the new folder, and the sha256 that the copy must have. */
export interface Piece {
  readonly from: string;
  readonly to: string;
  readonly sha256: string;
}

export interface CloneOptions {
  readonly pieces: readonly Piece[];
  /** Must not exist, or be an empty folder. */
  readonly target: string;
  readonly signal: AbortSignal;
  /** Called with the finished copy, before it gets its name: what throws here leaves nothing behind. */
  readonly check: (draft: string) => Promise<void>;
}

/** What came of it; `cloned`: the file system shares the blocks, so that the copy took no space. */
export interface Cloned {
  readonly bytes: number;
  readonly cloned: boolean;
}

/**
 * Copies files into a folder that appears whole or not at all: cloned where the file system can, links followed and
 * never made, each copy proven by its hash. Throws CommandError 2 (target taken), 3 (disk full, not writable) or 1 (a copy differs).
 */
export async function cloneFolder({ pieces, target, signal, check }: CloneOptions): Promise<Cloned> {
  const path = await freeTarget(target);
  await mkdir(dirname(path), { recursive: true }).catch(refused(path));
  await sweepDrafts(path);
  const draft = join(dirname(path), `${draftPrefix(path)}${process.pid}`);
  try {
    await mkdir(draft).catch(refused(path));
    const cloned = await canClone(pieces, draft);
    const bytes = await totalBytes(pieces);
    if (!cloned) await needRoom(bytes, path);
    for (const piece of pieces) {
      signal.throwIfAborted();
      await copy(piece, draft).catch(refused(path));
    }
    await Promise.all(pieces.map((piece) => prove(piece, draft)));
    signal.throwIfAborted();
    await check(draft);
    await syncTree(draft);
    // Onto an empty folder this is atomic too; onto one that was filled meanwhile it fails.
    await rename(draft, path).catch(refused(path));
    await sync(dirname(path));
    return { bytes, cloned };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** The real path to make; a link to an empty folder leads to that folder. */
async function freeTarget(target: string): Promise<string> {
  const path = await realpath(target).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return resolve(target);
    throw new CommandError(2, `${target} cannot be used: ${String(error)}`, { cause: error });
  });
  const found = await lstat(path).catch(ifAbsent(null));
  if (found === null) return path;
  if (found.isSymbolicLink()) throw new CommandError(2, `${path} is a link that leads nowhere. Give another folder.`);
  if (!found.isDirectory()) throw new CommandError(2, `${path} is there and is no folder. Give another name.`);
  if ((await readdir(path)).length > 0) {
    throw new CommandError(2, `${path} is there and not empty. Give a new folder: nothing is ever overwritten.`);
  }
  return path;
}

const draftPrefix = (path: string): string => `.${basename(path)}.phasebox-`;

/** What a killed copy left beside the target; one of a living process is its own business. */
async function sweepDrafts(path: string): Promise<void> {
  const prefix = draftPrefix(path);
  for (const name of await readdir(dirname(path))) {
    const pid = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : Number.NaN;
    if (!Number.isInteger(pid)) continue;
    if (pid === process.pid || (await commandLine(pid)) === null)
      await rm(join(dirname(path), name), { recursive: true, force: true });
  }
}

/** Asked by trying on a file: it depends on both places and on the file system. */
async function canClone(pieces: readonly Piece[], draft: string): Promise<boolean> {
  const first = pieces[0];
  if (first === undefined) return false;
  const probe = join(draft, '.probe');
  try {
    await copyFile(await realpath(first.from), probe, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'EINVAL', 'ENOSYS', 'ENOTTY', 'EPERM')) return false;
    throw error;
  } finally {
    await rm(probe, { force: true });
  }
}

async function totalBytes(pieces: readonly Piece[]): Promise<number> {
  const sizes = await Promise.all(pieces.map(async ({ from }) => (await stat(from)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function needRoom(bytes: number, path: string): Promise<void> {
  const free = await freeBytes(dirname(path));
  if (free >= bytes) return;
  const gb = (value: number): string => (value / 2 ** 30).toFixed(1);
  throw new CommandError(3, `${path} needs ${gb(bytes)} GB, and ${gb(free)} GB are free there. Free some space first.`);
}

async function copy({ from, to }: Piece, draft: string): Promise<void> {
  const path = join(draft, to);
  await mkdir(dirname(path), { recursive: true });
  // macOS clones a link as a link: its target is what is wanted.
  await copyFile(await realpath(from), path, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
}

async function prove({ from, to, sha256 }: Piece, draft: string): Promise<void> {
  const found = await fileHash(join(draft, to));
  if (found === sha256) return;
  throw new CommandError(1, `${from} is damaged: its content is ${found.slice(0, 12)}, it was ${sha256.slice(0, 12)}.`);
}

async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    await (entry.isDirectory() ? syncTree(path) : sync(path));
  }
  await sync(folder);
}

const refused =
  (path: string) =>
  (error: unknown): never => {
    const message = error instanceof Error ? error.message : String(error);
    throw new CommandError(3, `${path} cannot be made: ${message}`, { cause: error });
  };
