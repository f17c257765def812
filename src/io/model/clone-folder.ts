import { constants } from 'node:fs';
import { copyFile, mkdir, realpath, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CommandError } from '../../core/errors.ts';
import { ifCode } from '../disk/files.ts';
import { freeBytes } from '../host/disk-usage.ts';
import { newFolder, notMade } from '../host/new-folder.ts';
import { fileHash } from '../thread/content-hash.ts';

/** A file to copy: from an absolute path to a path inside the new folder, and the sha256 that the copy must have. */
export interface Piece {
  readonly from: string;
  readonly to: string;
  readonly sha256: string;
}

export interface CloneOptions {
  readonly pieces: readonly Piece[];
  /** It must not exist, or be an empty folder. */
  readonly target: string;
  readonly signal: AbortSignal;
  /** Called with the finished copy before it gets its name. If it throws, nothing is left behind. */
  readonly check: (draft: string) => Promise<void>;
}

/** The result. `cloned` means that the file system shares the blocks, so that the copy took no space. */
export interface Cloned {
  readonly bytes: number;
  readonly cloned: boolean;
}

/**
 * Copies files into a folder that appears complete or not at all, cloned if the file system can, and verified by hash.
 * Links are followed. Throws CommandError 2 (target taken), 3 (disk full, not writable) or 1 (a copy differs).
 */
export async function cloneFolder({ pieces, target, signal, check }: CloneOptions): Promise<Cloned> {
  return newFolder(target, async (draft) => {
    const cloned = await canClone(pieces, draft);
    const bytes = await totalBytes(pieces);
    if (!cloned) await needRoom(bytes, { target, folder: dirname(draft) });
    for (const piece of pieces) {
      signal.throwIfAborted();
      await copy(piece, draft).catch(notMade(target));
    }
    await Promise.all(pieces.map((piece) => prove(piece, draft)));
    signal.throwIfAborted();
    await check(draft);
    return { bytes, cloned };
  });
}

/** Tried with a file: it depends on both places and on the file system. */
async function canClone(pieces: readonly Piece[], draft: string): Promise<boolean> {
  const first = pieces[0];
  if (first === undefined) return false;
  const probe = join(draft, '.probe');
  return copyFile(await realpath(first.from), probe, constants.COPYFILE_FICLONE_FORCE)
    .then(() => true, ifCode(false, 'ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'EINVAL', 'ENOSYS', 'ENOTTY', 'EPERM'))
    .finally(() => rm(probe, { force: true }));
}

async function totalBytes(pieces: readonly Piece[]): Promise<number> {
  const sizes = await Promise.all(pieces.map(async ({ from }) => (await stat(from)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function needRoom(bytes: number, at: { readonly target: string; readonly folder: string }): Promise<void> {
  const free = await freeBytes(at.folder);
  if (free >= bytes) return;
  const gb = (value: number): string => (value / 2 ** 30).toFixed(1);
  const lack = `${at.target} needs ${gb(bytes)} GB, and ${gb(free)} GB are free there`;
  throw new CommandError(3, `${lack}. Free some space first.`);
}

async function copy({ from, to }: Piece, draft: string): Promise<void> {
  const path = join(draft, to);
  await mkdir(dirname(path), { recursive: true });
  // macOS clones a link as a link, but its target is needed.
  await copyFile(await realpath(from), path, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
}

async function prove({ from, to, sha256 }: Piece, draft: string): Promise<void> {
  const found = await fileHash(join(draft, to));
  if (found === sha256) return;
  throw new CommandError(1, `${from} is damaged: its content is ${found.slice(0, 12)}, it was ${sha256.slice(0, 12)}.`);
}
