import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ifAbsent } from '../disk/files.ts';
import { findTool, isAlive } from './tool-process.ts';

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

/**
 * Stops every tool in a folder and below. One that was spawned and has not started never will. Returns the folders of
 * those that still run and could not be verified to be ours.
 */
export async function endTools(folder: string): Promise<string[]> {
  const folders = await toolFolders(folder);
  const held = await Promise.all(folders.map(async (one) => ((await endTool(one)) ? [] : [one])));
  return held.flat();
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
