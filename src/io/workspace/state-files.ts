import { randomBytes } from 'node:crypto';
import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { parsedOrNull } from '../../core/json.ts';
import { atRest } from '../../core/run/control.ts';
import { type Control, type ControlRequest, control as controlSchema, request } from '../../events/request.ts';
import { ownerOf } from '../claim/ownership.ts';
import { createWhole, ifAbsent, readText, writeWhole } from '../disk/files.ts';
import { ifDamaged, moveAside, readOwn } from '../disk/own-file.ts';

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

const noteSchema = z.object({ since: z.string(), message: z.string() });

/** Why nothing new starts: what the broker of a running `up` refuses, and since when. */
export type BrokerNote = z.infer<typeof noteSchema>;

const noteFile = (state: string): string => join(state, 'broker.json');

/** Null if the broker accepts writes, as far as is known. A note that cannot be read is ignored. */
export async function readBrokerNote(state: string): Promise<BrokerNote | null> {
  return parsedOrNull(noteSchema, await readText(noteFile(state)).catch(ifDamaged(null)));
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

/** .phasebox/control.json, kept in memory: only the owner of the workspace writes it. */
export type ControlStore = Awaited<ReturnType<typeof openControl>>;

const controlFile = (state: string): string => join(state, 'control.json');

/** Pauses and priorities of a workspace. Throws DamagedFile. */
export async function readControl(state: string): Promise<Control> {
  const remedy = 'Pauses and priorities in it are lost, nothing else; the next `phasebox up` renames it.';
  return (await readOwn(controlSchema, { path: controlFile(state), remedy })) ?? atRest;
}

/** Reads the file once, for the owner of the workspace. An unreadable file is renamed and reported to `warn`. */
export async function openControl(state: string, warn: (text: string) => void) {
  let current = await readControl(state).catch(async (error: unknown) => {
    warn(await moveAside(error));
    return atRest;
  });
  return {
    now: () => current,
    /** It is on the disk when this resolves. */
    async set(control: Control): Promise<void> {
      if (JSON.stringify(control) === JSON.stringify(current)) return;
      await writeWhole(controlFile(state), `${JSON.stringify(control, null, 2)}\n`);
      current = control;
    },
  };
}

/** Requests of commands of 0.2, as files, in order. `unknown` has the names of other files. Anything else stays. */
export async function leftRequests(state: string) {
  const folder = join(state, 'requests');
  const entries = await readdir(folder, { withFileTypes: true }).catch(ifAbsent([]));
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  const requests: ControlRequest[] = [];
  const unknown: string[] = [];
  for (const name of files.filter((one) => /^\d+\.[0-9a-f]+-\w+\.json$/.test(one)).sort()) {
    const text = await readText(join(folder, name)).catch(ifDamaged(null));
    const read = parsedOrNull(request, text);
    if (read === null || read.kind === 'submit' || read.kind === 'file' || read.kind === 'go') unknown.push(name);
    else requests.push(read);
  }
  return {
    requests,
    unknown,
    async remove(): Promise<void> {
      for (const name of files) await rm(join(folder, name), { force: true });
      await rmdir(folder).catch(() => undefined); // not there, or something else lies in it
    },
  };
}
