import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** sha256 (hex) of text. */
export const textHash = (text: string): string => createHash('sha256').update(text).digest('hex');

/** sha256 (hex) of a file of any size, read in parts: the task of the thread. */
export async function hashInParts(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path, { highWaterMark: 4 * 2 ** 20 })) hash.update(part);
  return hash.digest('hex');
}

/** More than any model, adapter or run has: a link to the root of a disk must not lead to hashing all of it. */
const mostFiles = 100_000;

/**
 * All regular files below a folder (links followed), absolute, without hidden ones. Throws ELOOP if a link leads back
 * to a folder above it, and EFBIG if there are too many.
 */
export async function filesBelow(folder: string): Promise<string[]> {
  const files: string[] = [];
  const walk = async (at: string, above: readonly string[]): Promise<void> => {
    const real = await realpath(at);
    if (above.includes(real)) throw refusal('ELOOP', `${at} leads back to ${real}`);
    for (const entry of await readdir(at, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const path = join(at, entry.name);
      const found = entry.isSymbolicLink() ? await stat(path) : entry;
      if (found.isDirectory()) await walk(path, [...above, real]);
      else if (found.isFile()) files.push(path);
      if (files.length > mostFiles) throw refusal('EFBIG', `${folder} holds more than ${mostFiles} files`);
    }
  };
  await walk(folder, []);
  return files.sort();
}

const refusal = (code: string, message: string): Error => Object.assign(new Error(message), { code });
