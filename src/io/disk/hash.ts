import { createHash } from 'node:crypto';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { Worker } from 'node:worker_threads';
import { inParallel } from './in-parallel.ts';

/* Large files are hashed in threads of their own: a busy main thread loses the queue's locks. */

const inline_bytes = 2 ** 20;
const hubBlob = /^[0-9a-f]{64}$/;

const threadCode = `
const { createHash } = require('node:crypto');
const { createReadStream } = require('node:fs');
const { parentPort, workerData } = require('node:worker_threads');
const hash = createHash('sha256');
createReadStream(workerData, { highWaterMark: 4 * 2 ** 20 })
  .on('data', (chunk) => hash.update(chunk))
  .on('end', () => parentPort.postMessage(hash.digest('hex')))
  .on('error', (error) => { throw error; });`;

const known = new Map<string, string>();

/** sha256 (hex) of text. */
export const textHash = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * Content hash (sha256, hex) of a file, or of a folder (over the sorted relative paths and hashes of all its files).
 * Remembered by path, size, mtime and inode. A file of the Hub's cache is named by its sha256 and is not read.
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

/** The same, always read off the disk: neither memory nor a blob's name is believed. */
export async function freshHash(path: string): Promise<string> {
  return readHash(path, (await stat(path)).size);
}

async function readHash(path: string, size: number): Promise<string> {
  if (size > inline_bytes) return hashInThread(path);
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

/** All regular files below a folder (links followed), absolute, hidden ones left out. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = await Promise.all(
    entries
      .filter((entry) => !entry.name.startsWith('.'))
      .map(async (entry) => {
        const path = join(folder, entry.name);
        const isFolder = entry.isSymbolicLink() ? (await stat(path)).isDirectory() : entry.isDirectory();
        if (isFolder) return filesBelow(path);
        return entry.isFile() || entry.isSymbolicLink() ? [path] : [];
      }),
  );
  return found.flat().sort();
}

function hashInThread(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(threadCode, { eval: true, workerData: path });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}
