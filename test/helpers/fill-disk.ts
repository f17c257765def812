import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../../src/io/disk/files.ts';

/** Writes a file until not a byte is left on the file system of the folder. Remove the file to free the space. */
export function fillDisk(folder: string): string {
  const filler = join(folder, 'filler');
  const file = openSync(filler, 'w');
  for (let size = 2 ** 20; size >= 1; size = size === 1 ? 0 : Math.max(1, Math.floor(size / 16))) {
    try {
      for (;;) writeSync(file, Buffer.alloc(size));
    } catch (error) {
      if (!hasCode(error, 'ENOSPC')) throw error;
    }
  }
  closeSync(file);
  return filler;
}
