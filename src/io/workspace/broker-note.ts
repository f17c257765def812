import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { parsedOrNull } from '../../core/json.ts';
import { ownerOf } from '../claim/ownership.ts';
import { readText, writeWhole } from '../disk/files.ts';
import { ifDamaged } from '../disk/own-file.ts';

const schema = z.object({ since: z.string(), message: z.string() });

/** Why nothing new starts: what the broker of a running `up` refuses, and since when. */
export type BrokerNote = z.infer<typeof schema>;

const noteFile = (state: string): string => join(state, 'broker.json');

/** Null if the broker accepts writes, as far as is known. A note that cannot be read is ignored. */
export async function readBrokerNote(state: string): Promise<BrokerNote | null> {
  return parsedOrNull(schema, await readText(noteFile(state)).catch(ifDamaged(null)));
}

/** The note of a running `up`. An `up` that was killed leaves a note that is not removed. */
export async function livingBrokerNote(state: string): Promise<BrokerNote | null> {
  const note = await readBrokerNote(state);
  return note === null || (await ownerOf(state)) === null ? null : note;
}

/** For the owner of the workspace. Null removes the note. */
export async function writeBrokerNote(state: string, note: BrokerNote | null): Promise<void> {
  if (note === null) await rm(noteFile(state), { recursive: true, force: true });
  else await writeWhole(noteFile(state), `${JSON.stringify(note, null, 2)}\n`);
}
