import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ifAbsent } from '../disk/files.ts';
import { isAlive } from './tool-process.ts';

/** True while a tool runs in a folder or in one directly below it, as the stages lay them out. Throws when it cannot look. */
export async function hasLiveTool(dir: string): Promise<boolean> {
  if (await isAlive(dir)) return true;
  const entries = await readdir(dir, { withFileTypes: true }).catch(ifAbsent([]));
  for (const entry of entries) if (entry.isDirectory() && (await isAlive(join(dir, entry.name)))) return true;
  return false;
}
