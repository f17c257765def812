import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Span } from '../../core/run/worked.ts';
import { ifAbsent } from '../disk/files.ts';
import { ifDamaged } from '../disk/own-file.ts';
import { exitCode, findTool, isAlive, readCommand, startedBy } from './tool-process.ts';

/** TERM gets 8 s until KILL. A tool that still runs after this does not belong to us. */
const patience_ms = 12_000;

/** Folders of tools in a folder and below, at any depth. */
export async function toolFolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(ifAbsent([]));
  const below = entries.filter((entry) => entry.isDirectory()).map(({ name }) => toolFolders(join(folder, name)));
  const own = entries.some(({ name }) => name === 'command.json' || name === 'alive') ? [folder] : [];
  return [...own, ...(await Promise.all(below)).flat()];
}

/** Whether a tool runs in a folder or below. Throws if it cannot look. */
export async function hasLiveTool(folder: string): Promise<boolean> {
  const alive = await Promise.all((await toolFolders(folder)).map(isAlive));
  return alive.includes(true);
}

/** Stops all tools in a folder and below. Returns the folders of those that run and were not verified to be ours. */
export async function endTools(folder: string): Promise<string[]> {
  const folders = await toolFolders(folder);
  const unverified = await Promise.all(folders.map(async (one) => ((await endTool(one)) ? [] : [one])));
  return unverified.flat();
}

async function endTool(folder: string): Promise<boolean> {
  const tool = await findTool(folder);
  // Repeated: the wrapper cannot receive a signal before it has written its process id.
  for (const end = performance.now() + patience_ms; await isAlive(folder); await delay(50)) {
    await tool?.stop();
    if (performance.now() > end) {
      tool?.leave();
      return false;
    }
  }
  return true;
}

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
