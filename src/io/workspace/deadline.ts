import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { parsedOrNull } from '../../core/json.ts';
import type { Until } from '../../core/plan/night-text.ts';
import { nextTime } from '../../core/plan/until.ts';
import { ownerOf } from '../claim/ownership.ts';
import { readText, writeWhole } from '../disk/files.ts';
import { ifDamaged } from '../disk/own-file.ts';
import type { Workspace } from './workspace.ts';

const schema = z.object({ at: z.number(), text: z.string() }).nullable();

const noteFile = (state: string): string => join(state, 'until.json');

/** For the owner of the workspace: until when its `up` starts runs. Null if it has no deadline. */
export const writeDeadline = (state: string, until: Until | null): Promise<void> =>
  writeWhole(noteFile(state), `${JSON.stringify(until)}\n`);

/** An `up` that was killed leaves its note, which no one reads while no `up` lives. */
export const removeDeadline = (state: string): Promise<void> => rm(noteFile(state), { recursive: true, force: true });

/** Until when runs start: the deadline of the running `up`, or the one that the next `up` will have. */
export async function deadlineOf({ state, config }: Pick<Workspace, 'state' | 'config'>): Promise<Until | null> {
  if ((await ownerOf(state)) !== null) {
    const note = parsedOrNull(schema, await readText(noteFile(state)).catch(ifDamaged(null)));
    return note ?? null;
  }
  return config.until === undefined ? null : nextTime(config.until, Date.now());
}
