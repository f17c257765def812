import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createWhole, readText } from '../disk/files.ts';
import { ifDamaged } from '../disk/own-file.ts';

const idFile = (state: string): string => join(state, 'id');

/** The id of the workspace. Null if no `up` has made one yet, or if it cannot be read. */
export async function knownId(state: string): Promise<string | null> {
  const id = (await readText(idFile(state)).catch(ifDamaged('')))?.trim() ?? '';
  return /^\w+$/.test(id) ? id : null;
}

/** `.phasebox/id`, made when it is first needed: two workspaces on one Redis must not take each other's jobs. */
export async function workspaceId(state: string): Promise<string> {
  const known = await knownId(state);
  if (known !== null) return known;
  const path = idFile(state);
  // An unreadable id has no value: the queues are filled again from the disk under the new one.
  await rm(path, { recursive: true, force: true });
  await createWhole(path, randomBytes(8).toString('hex'));
  return workspaceId(state);
}
