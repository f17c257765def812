import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { type DiskErrorText, diskErrorText, isDiskError } from '../../core/disk-error-text.ts';
import { shellWord } from '../../core/shell.ts';

/** A system error as Node reports it. `address` is the path of a socket. */
interface SystemError extends Error {
  readonly code: string;
  readonly syscall: string;
  readonly path?: string;
  readonly dest?: string;
  readonly address?: string;
}

const isSystemError = (error: unknown): error is SystemError =>
  error instanceof Error &&
  'code' in error &&
  typeof error.code === 'string' &&
  'syscall' in error &&
  typeof error.syscall === 'string';

/** A signal that may not be sent and a port that is not available are not errors of files. */
const isOfFiles = ({ syscall, address }: SystemError): boolean =>
  syscall !== 'kill' && (address === undefined || isAbsolute(address));

/** What the disk refused, and what to do. Null for other errors. Without a path, the workspace stands for it. */
export async function diskErrorOf(thrown: unknown, folder: string): Promise<DiskErrorText | null> {
  if (!isSystemError(thrown)) return null;
  const error = await withCause(thrown);
  if (!isDiskError(error) || !isOfFiles(error)) return null;
  // Without a current folder, no path can be made absolute.
  const workspace = error.syscall === 'uv_cwd' ? folder : resolve(folder);
  const { code, syscall, message } = error;
  const paths = [error.path, error.dest, error.address].filter((path) => path !== undefined);
  const path = paths[0] ?? workspace;
  const uid = process.getuid?.() ?? 0;
  const culprit = await culpritOf(paths.length === 0 ? [workspace] : paths);
  const isInside = isAbsolute(path) && !relative(workspace, path).startsWith('..');
  const root = isInside ? workspace : (culprit?.path ?? path);
  return diskErrorText({ code, syscall, message, path, culprit, uid, root }, shellWord);
}

/** On a read-only disk Node reports ENOENT for a folder that cannot be made. The folder above it shows the cause. */
async function withCause(error: SystemError): Promise<SystemError> {
  if (error.code !== 'ENOENT' || error.syscall !== 'mkdir' || error.path === undefined) return error;
  const above = await nearest(error.path);
  const refused: unknown = above === null ? null : await access(above.path, constants.W_OK).catch((why) => why);
  return isSystemError(refused) ? refused : error;
}

/** The first of the paths and their folders whose rights forbid us something, else the first that exists. */
async function culpritOf(paths: readonly string[]): Promise<Owned | null> {
  let first: Owned | null = null;
  for (const path of paths.flatMap((one) => [one, dirname(one)])) {
    const owned = await nearest(path);
    if (owned === null) continue;
    first ??= owned;
    if ((await access(owned.path, constants.R_OK | constants.W_OK).catch(() => false)) === false) return owned;
  }
  return first;
}

interface Owned {
  readonly path: string;
  readonly uid: number;
}

/** The path, or the nearest folder above it that can be examined. */
async function nearest(path: string): Promise<Owned | null> {
  const found = await stat(path).catch(() => null);
  if (found !== null) return { path, uid: found.uid };
  return dirname(path) === path ? null : nearest(dirname(path));
}
