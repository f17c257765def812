import { randomBytes } from 'node:crypto';
import { link, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode, readText } from '../disk/files.ts';

/** `.phasebox/id`: two workspaces on one Redis must not take each other's jobs. Made once, by whoever is first. */
export async function workspaceId(state: string): Promise<string> {
  const path = join(state, 'id');
  const known = await readText(path);
  if (known !== null) return known.trim();
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, randomBytes(8).toString('hex'));
  await link(draft, path).catch((error: unknown) => {
    if (!hasCode(error, 'EEXIST')) throw error;
  });
  await rm(draft);
  return workspaceId(state);
}
