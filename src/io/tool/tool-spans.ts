import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Span } from '../../core/run/worked.ts';
import { ifAbsent } from '../disk/files.ts';
import { ifDamaged } from '../disk/own-file.ts';
import { toolFolders } from './tool-folders.ts';
import { exitCode, isAlive, readCommand, startedBy } from './tool-process.ts';

/** When each tool in a folder and below worked, by the files of its wrapper. One that still runs works until now. */
export async function toolSpans(folder: string): Promise<Span[]> {
  const spans = await Promise.all((await toolFolders(folder)).map((dir) => spanOf(dir).catch(ifDamaged(null))));
  return spans.filter((span) => span !== null);
}

async function spanOf(dir: string): Promise<Span | null> {
  if ((await startedBy(dir)) === null) return null;
  const from = await changed(join(dir, 'started'));
  if (from === null) return null;
  return { from, to: (await endOf(dir)) ?? from };
}

/** A server without `up` only waits, so its work ended with its last request. A killed wrapper leaves no `exit`. */
async function endOf(dir: string): Promise<number | null> {
  const isServer = (await readCommand(dir))?.server === true;
  if (!isServer && (await isAlive(dir))) return Date.now();
  const left = !isServer && (await exitCode(dir)) !== null ? 'exit' : 'log.txt';
  return changed(join(dir, left));
}

const changed = async (path: string): Promise<number | null> =>
  (await lstat(path).catch(ifAbsent(null)))?.mtimeMs ?? null;
