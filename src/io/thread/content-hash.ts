import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, relative, sep } from 'node:path';
import { filesBelow, textHash } from '../disk/hash.ts';
import { inParallel } from '../disk/in-parallel.ts';
import { runTask } from './run-task.ts';

/** Large files are hashed in threads, since a busy main thread loses the queue's locks. */

/** Hashed in 5 ms, or in 40 ms by a processor without instructions for it. A thread takes 100 ms to start. */
const inline_bytes = 8 * 2 ** 20;
const hubBlob = /^[0-9a-f]{64}$/;

const known = new Map<string, string>();

/**
 * Content hash (sha256, hex) of a file, or of a folder (over the sorted relative paths and hashes of all its files). It
 * is kept by path, size, mtime and inode. A file of the Hub's cache has its sha256 as name and is not read.
 */
export async function contentHash(path: string): Promise<string> {
  if ((await stat(path)).isFile()) return fileHash(path);
  const files = await filesBelow(path);
  const hashes = await inParallel(files, fileHash);
  const lines = files.map((file, index) => `${relative(path, file).split(sep).join('/')}\0${hashes[index]}\n`);
  return textHash(lines.sort().join(''));
}

/** sha256 (hex) of one file's bytes. */
export async function fileHash(path: string): Promise<string> {
  const target = await realpath(path);
  if (hubBlob.test(basename(target)) && target.includes(`${sep}blobs${sep}`)) return basename(target);
  const { size, mtimeMs, ino } = await stat(target);
  const key = `${target}\0${size}\0${mtimeMs}\0${ino}`;
  const seen = known.get(key);
  if (seen !== undefined) return seen;
  const sha256 = await readHash(target, size);
  known.set(key, sha256);
  return sha256;
}

/** The same, always read from disk, without the kept hashes and names of blobs. */
export const freshHash = async (path: string): Promise<string> => readHash(path, (await stat(path)).size);

async function readHash(path: string, size: number): Promise<string> {
  if (size > inline_bytes) return runTask('hash', path, null);
  return textHash(await readFile(path));
}
