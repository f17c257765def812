import { stat } from 'node:fs/promises';
import type { ReadRows, RowsCall } from '../../core/config/lookups.ts';
import { readRows } from './read-rows.ts';
import { runTask } from './run-task.ts';

/** Bytes that the main thread reads: about 10 ms. A thread takes 100 ms to start. */
const smallFiles = 2 ** 20;

/** The last large data that was read: the configs of a night share it. */
let latest: { readonly key: string; readonly result: Promise<readonly ReadRows[]> } | null = null;

/** `readRows` of files of any size. */
export async function rowsOf(call: RowsCall): Promise<readonly ReadRows[]> {
  const found = await Promise.all(call.paths.map((path) => stat(path)));
  if (found.reduce((sum, { size }) => sum + size, 0) <= smallFiles) return readRows(call);
  const key = JSON.stringify([call, found.map(({ size, mtimeMs, ino }) => [size, mtimeMs, ino])]);
  if (latest?.key !== key) {
    // It has a limit of its own, and only waits for a slow disk.
    latest = { key, result: runTask('rows', call, null) };
    latest.result.catch(() => {
      latest = null;
    });
  }
  return latest.result;
}
