import { open } from 'node:fs/promises';
import type { ReadRows, RowsCall } from '../../core/config/lookups.ts';
import { rowScanner, type Wanted } from '../../core/config/scan-rows.ts';

const partBytes = 2 ** 20;
const newline = 0x0a;

/** Reads files of training examples, within a time limit. Throws errors of the disk. */
export async function readRows({ paths, limit_ms, ...wanted }: RowsCall): Promise<ReadRows[]> {
  const end = performance.now() + limit_ms;
  const read: ReadRows[] = [];
  for (const path of paths) read.push(await readOne(path, wanted, () => performance.now() < end));
  return read;
}

async function readOne(path: string, wanted: Wanted, hasTime: () => boolean): Promise<ReadRows> {
  const scanner = rowScanner(wanted);
  const file = await open(path);
  try {
    const buffer = Buffer.alloc(partBytes);
    let rest = Buffer.alloc(0);
    for (;;) {
      if (!hasTime()) return { ...scanner.result(), whole: false };
      const { bytesRead } = await file.read(buffer, 0, partBytes);
      if (bytesRead === 0) break;
      const text = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
      let from = 0;
      for (let at = text.indexOf(newline); at >= 0; at = text.indexOf(newline, from)) {
        scanner.line(text.subarray(from, at));
        from = at + 1;
      }
      rest = text.subarray(from);
    }
    if (rest.length > 0) scanner.line(rest);
    return { ...scanner.result(), whole: true };
  } finally {
    await file.close();
  }
}
