import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { type FileHandle, link, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DamagedFile } from '../../core/errors.ts';

/** A name that no other process has: 12 hex digits. Not the pid: two containers on one workspace have equal ones. */
export const nonce = (): string => randomBytes(6).toString('hex');

/** Mode of a file that only its owner may read and write. */
export const privateMode = 0o600;

/** True for an error of node:fs with this code. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code);
}

/** For `.catch`: returns `value` for an error with one of these codes, and throws any other error. */
export function ifCode<T>(value: T, ...codes: readonly string[]): (error: unknown) => T {
  return (error) => {
    if (hasCode(error, ...codes)) return value;
    throw error;
  };
}

/** The same for something that does not exist. */
export const ifAbsent = <T>(value: T): ((error: unknown) => T) => ifCode(value, 'ENOENT', 'ENOTDIR');

/** The same for a call that creates something, when it exists already. */
export const ifThere = <T>(value: T): ((error: unknown) => T) => ifCode(value, 'EEXIST');

/** The names in a folder, or none if it does not exist. */
export const listNames = (folder: string): Promise<string[]> => readdir(folder).catch(ifAbsent([]));

/** True for a folder, or a link to one. */
export const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => null))?.isDirectory() === true;

/** For `.catch`: adds the path to an error that lacks it, as with writes to an open file. */
export const atPath =
  (path: string) =>
  (error: unknown): never => {
    throw error instanceof Error && 'syscall' in error && !('path' in error) ? Object.assign(error, { path }) : error;
  };

/** Gives a finished file a name that no other file has. False: another process was faster. */
export const linkNew = (draft: string, path: string): Promise<boolean> =>
  link(draft, path).then(() => true, ifThere(false));

/** Creates a file as a whole. False if it exists already: of several processes one creates it. */
export async function createWhole(path: string, text: string): Promise<boolean> {
  const draft = `${path}.${nonce()}`;
  await writeFile(draft, text);
  return linkNew(draft, path).finally(() => rm(draft, { force: true }));
}

/** The errors of opening a folder, a link to itself, or a fifo or socket without a reader in the place of a file. */
export const isOddFile = (error: unknown): boolean => hasCode(error, 'EISDIR', 'ELOOP', 'ENXIO');

/** Flags for a file to append to, which is made if missing. Opening never waits. `isOddFile` tells why it fails. */
export const appending = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

/** Closes the file after `work`, whether that succeeds or not. */
export async function useFile<T>(opening: Promise<FileHandle>, work: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await opening;
  return work(file).finally(() => file.close());
}

/** Opens a regular file for reading. A fifo, which may block, and a device, which may have no end, throw ENXIO. */
export async function openRegular(path: string): Promise<FileHandle> {
  const handle = await open(path, readOnly);
  try {
    const found = await handle.stat();
    if (found.isFile()) return handle;
    throw Object.assign(new Error(`${path} is not a regular file`), { code: found.isDirectory() ? 'EISDIR' : 'ENXIO' });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A text file, or null if it does not exist. Anything else in its place, such as a fifo, throws DamagedFile. */
export const readText = (path: string, encoding: BufferEncoding = 'utf8'): Promise<string | null> =>
  useText(path, (file) => file.readFile(encoding));

/** What `work` reads of a text file, or null if it does not exist. Opens it as `readText` does. */
export async function useText<T>(path: string, work: (file: FileHandle) => Promise<T>): Promise<T | null> {
  const file = await openText(path);
  return file === null ? null : work(file).finally(() => file.close());
}

/** The same for a reader that closes the file itself. */
export async function openText(path: string): Promise<FileHandle | null> {
  try {
    return await openRegular(path);
  } catch (error) {
    return notText(path, error);
  }
}

/** The same in one synchronous step, for `inSlices`. */
export function readTextNow(path: string): string | null {
  try {
    const handle = openSync(path, readOnly);
    try {
      if (fstatSync(handle).isFile()) return readFileSync(handle, 'utf8');
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    return notText(path, error);
  }
  throw notRegular(path);
}

const readOnly = constants.O_RDONLY | constants.O_NONBLOCK;

const notRegular = (path: string): DamagedFile => new DamagedFile(path, 'it is not a regular file');

function notText(path: string, error: unknown): null {
  if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
  throw isOddFile(error) ? notRegular(path) : error;
}

/** Makes the content of a file or folder survive a power cut (on macOS Node's fsync is F_FULLFSYNC). */
export const sync = (path: string): Promise<void> => useFile(open(path, 'r'), (file) => file.sync());

/**
 * Replaces a file as a whole: readers see the old text or the new one, also after a power cut. Of several writers the
 * last one wins. Without a mode the system chooses it. Throws DamagedFile if a folder is in its place.
 */
export async function writeWhole(path: string, content: string | Uint8Array, mode?: number): Promise<void> {
  const temporary = join(dirname(path), `.${nonce()}.${basename(path)}.tmp`);
  await useFile(open(temporary, 'w'), async (file) => {
    await file.writeFile(content).catch(atPath(path));
    if (mode !== undefined) await file.chmod(mode);
    await file.sync();
  });
  await rename(temporary, path).catch(async (error: unknown) => {
    await rm(temporary);
    if (!hasCode(error, 'EISDIR', 'ENOTEMPTY', 'EEXIST')) throw error;
    throw new DamagedFile(path, 'it is a folder', { cause: error });
  });
  await sync(dirname(path));
}
