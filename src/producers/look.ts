import { createHash } from 'node:crypto';
import { type BigIntStats, constants } from 'node:fs';
import { lstat, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isQuiet, type LeftAlone, type Named, sortName } from '../core/config/inbox-names.ts';
import { maxConfigBytes } from '../core/config/read-yaml.ts';
import { hasCode, ifAbsent } from '../io/disk/files.ts';
import { yamlOf } from '../io/thread/off-thread.ts';
import type { Found } from './inbox-file.ts';
import { keptFiles } from './kept-files.ts';

/** The content of a folder: files that may be taken, folders, and files ignored because of their names. */
export interface Look {
  readonly found: readonly Found[];
  readonly folders: readonly string[];
  readonly left: readonly LeftAlone[];
}

/** Lists the inbox. If it does not exist, it is empty. */
export const look = (inbox: string): Promise<Look> => lookWith(inbox, sortName);

/** Lists files that were taken before, whatever their names (`.claimed`). */
export const lookAtTaken = (folder: string): Promise<Look> =>
  lookWith(folder, (bytes) => {
    const name = Buffer.from(bytes).toString();
    return { kind: isQuiet(name) ? 'quiet' : 'config', name };
  });

/** Lists submitted files that are not accepted yet, in their order. */
export async function lookAtKept(claimed: string): Promise<Look> {
  const found: Found[] = [];
  for (const { name, path } of await keptFiles(claimed)) {
    const one = await lookAt(path, name);
    if (one !== null) found.push(one);
  }
  return { found, folders: [], left: [] };
}

async function lookWith(folder: string, sort: (name: Uint8Array) => Named): Promise<Look> {
  const found: Found[] = [];
  const folders: string[] = [];
  const left: LeftAlone[] = [];
  // One after the other: ten thousand files must not use all handles at once.
  for (const named of (await listed(folder)).map(sort)) {
    if (named.kind === 'quiet') continue;
    if (named.kind === 'left' && named.left.why !== 'extension') {
      left.push(named.left);
      continue;
    }
    const one = await lookAt(join(folder, named.name), named.name);
    if (one?.kind === 'folder') folders.push(named.name);
    else if (one !== null && named.kind === 'left') left.push(named.left);
    else if (one !== null) found.push(one);
  }
  return { found, folders, left };
}

/** As bytes: a name that is not UTF-8 would otherwise be read as one that does not exist. */
async function listed(folder: string): Promise<Uint8Array[]> {
  return readdir(folder, { encoding: 'buffer' }).catch(ifAbsent([]));
}

/** What is at a path, or null. Links are followed for reading only: their targets are never changed. */
export async function lookAt(path: string, name: string): Promise<Found | null> {
  try {
    const own = await lstat(path, { bigint: true });
    const found = { name, path, ...described(own, null) };
    if (own.isDirectory()) return { ...found, kind: 'folder' };
    if (!own.isSymbolicLink()) return found;
    const target = await linkTarget(path);
    return target instanceof Error
      ? { ...found, kind: 'broken_link', isLink: true, problem: brokenLink(target) }
      : { ...found, ...described(target, own) };
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

async function linkTarget(path: string): Promise<BigIntStats | Error> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

function described(stats: BigIntStats, link: BigIntStats | null): Omit<Found, 'name' | 'path'> {
  const isLink = link !== null;
  const size = Number(stats.size);
  const signature = link === null ? signatureOf(stats) : `${signatureOf(link)} ${signatureOf(stats)}`;
  if (stats.isFile()) return { kind: 'file', isLink, signature, size, problem: '' };
  return { kind: 'odd', isLink, signature, size, problem: `${isLink ? 'a link to ' : ''}${kindOf(stats)}` };
}

/** Inode, size and mtime in one text. If it is equal, the file was not written in between. */
export function signatureOf(stats: BigIntStats): string {
  return `${stats.ino}:${stats.size}:${stats.mtimeNs}`;
}

function kindOf(stats: BigIntStats): string {
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a named pipe';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

function brokenLink(error: Error): string {
  if (hasCode(error, 'ELOOP')) return 'a link that points to itself';
  return hasCode(error, 'ENOENT', 'ENOTDIR') ? 'a link to nothing' : `a link that cannot be followed: ${error.message}`;
}

/** The content of a file (at most 1 byte more than a config may have) with its signature while it was read. */
export interface Content {
  readonly bytes: Buffer;
  readonly signature: string;
  readonly digest: string;
  /** Whether it is a complete YAML mapping. A cut file may parse as well, so it is read twice. */
  parses(): Promise<boolean>;
}

/** Reads a regular file, and never blocks on a pipe in its place. Throws errors of the file system. */
export async function readContent(path: string): Promise<Content> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile()) throw new Error(`${path} is ${kindOf(stats)}`);
    const buffer = Buffer.alloc(Math.min(Number(stats.size), maxConfigBytes) + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    const bytes = buffer.subarray(0, length);
    const digest = createHash('sha256').update(bytes).digest('hex');
    return { bytes, signature: signatureOf(stats), digest, parses: async () => (await yamlOf(bytes, path)).ok };
  } finally {
    await handle.close();
  }
}
