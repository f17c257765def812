import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parsedOrNull } from '../../core/json.ts';
import { type RehearsalRecord, rehearsalRecord } from '../../events/rehearsal.ts';
import { ifAbsent, listNames, readText, writeWhole } from '../disk/files.ts';
import { inParallel } from '../disk/in-parallel.ts';
import { ifDamaged } from '../disk/own-file.ts';

/** Results of rehearsals, by recipe. A cache: it may be deleted at any time. */
const folderOf = (state: string): string => join(state, 'rehearsals');

/** Where rehearsals work, each in a folder of its own. Those by hand are apart: `up` empties its own when it starts. */
export const rehearsingFolder = (state: string): string => join(state, 'rehearsing');
export const byHandFolder = (state: string): string => join(state, 'rehearsing-by-hand');

/** More recipes than a few nights have. */
const mostKept = 200;

const fileOf = (state: string, key: string): string => join(folderOf(state), `${key}.json`);

/** The result for a recipe, or null if it was not rehearsed. A file that cannot be read is ignored. */
export const readRehearsal = async (state: string, key: string): Promise<RehearsalRecord | null> =>
  parsedOrNull(rehearsalRecord, await readText(fileOf(state, key)).catch(ifDamaged(null)));

/** All results that are kept, in no order. */
export async function readRehearsals(state: string): Promise<RehearsalRecord[]> {
  const names = (await listNames(folderOf(state))).filter((name) => /^[0-9a-f]+\.json$/.test(name));
  const found = await inParallel(names, (name) => readRehearsal(state, name.slice(0, -'.json'.length)));
  return found.filter((one) => one !== null);
}

/** Keeps a result, and removes the oldest ones. */
export async function writeRehearsal(state: string, record: RehearsalRecord): Promise<void> {
  await mkdir(folderOf(state), { recursive: true });
  await writeWhole(fileOf(state, record.key), `${JSON.stringify(record, null, 2)}\n`);
  const names = (await listNames(folderOf(state))).filter((name) => name.endsWith('.json'));
  if (names.length <= mostKept) return;
  const files = await inParallel(names, async (name) => {
    const path = join(folderOf(state), name);
    return { path, at: (await stat(path).catch(ifAbsent(null)))?.mtimeMs ?? 0 };
  });
  for (const { path } of files.sort((a, b) => a.at - b.at).slice(0, -mostKept)) await rm(path, { force: true });
}
