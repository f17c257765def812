import { createHash } from 'node:crypto';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** sha256 (hex) of text, or of bytes. */
export const textHash = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');

/** More than any model, adapter or run has: a link to the root of a disk must not lead to hashing all of it. */
const mostFiles = 100_000;

/** All regular files below a folder, absolute, links followed, none hidden. Throws ELOOP or EFBIG (too many). */
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
