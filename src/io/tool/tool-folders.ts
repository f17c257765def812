import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ifAbsent } from '../disk/files.ts';
import { findTool, isAlive } from './tool-process.ts';

/** TERM has 8 s until KILL; a tool that still runs after this is not ours to end. */
const patience_ms = 12_000;

/** Folders of tools in a folder and below, at any depth. */
export async function toolFolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(ifAbsent([]));
  const below = entries.filter((entry) => entry.isDirectory()).map(({ name }) => toolFolders(join(folder, name)));
  const own = entries.some(({ name }) => name === 'command.json' || name === 'alive') ? [folder] : [];
  return [...own, ...(await Promise.all(below)).flat()];
}

/** Whether a tool runs in a folder or below. Throws when it cannot look. */
export async function hasLiveTool(folder: string): Promise<boolean> {
  const alive = await Promise.all((await toolFolders(folder)).map(isAlive));
  return alive.includes(true);
}

/**
 * Ends every tool in a folder and below; one that was spawned and has not begun never will. Returns the folders of those
 * that could not be proven to be ours and still run.
 */
export async function endTools(folder: string): Promise<string[]> {
  const folders = await toolFolders(folder);
  const held = await Promise.all(folders.map(async (one) => ((await endTool(one)) ? [] : [one])));
  return held.flat();
}

async function endTool(folder: string): Promise<boolean> {
  const tool = await findTool(folder);
  // Asked again and again: the wrapper cannot be signalled before it has written who it is.
  for (const end = performance.now() + patience_ms; await isAlive(folder); await delay(50)) {
    await tool?.stop();
    if (performance.now() > end) {
      tool?.leave();
      return false;
    }
  }
  return true;
}
