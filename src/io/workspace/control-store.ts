import { join } from 'node:path';
import { atRest } from '../../core/run/control.ts';
import { type Control, control as schema } from '../../events/request.ts';
import { writeWhole } from '../disk/files.ts';
import { moveAside, readOwn } from '../disk/own-file.ts';

/** .phasebox/control.json, kept in memory: only the owner of the workspace writes it. */
export interface ControlStore {
  now(): Control;
  /** It is on the disk when this resolves. */
  set(control: Control): Promise<void>;
}

const controlFile = (state: string): string => join(state, 'control.json');

/** Pauses and priorities of a workspace. Throws DamagedFile. */
export async function readControl(state: string): Promise<Control> {
  const remedy = 'Pauses and priorities in it are lost, nothing else; the next `phasebox up` renames it.';
  return (await readOwn(schema, { path: controlFile(state), remedy })) ?? atRest;
}

/** Reads the file once, for the owner of the workspace. An unreadable file is renamed and reported to `warn`. */
export async function openControl(state: string, warn: (text: string) => void): Promise<ControlStore> {
  let current = await readControl(state).catch(async (error: unknown) => {
    warn(await moveAside(error));
    return atRest;
  });
  return {
    now: () => current,
    async set(control) {
      if (JSON.stringify(control) === JSON.stringify(current)) return;
      await writeWhole(controlFile(state), `${JSON.stringify(control, null, 2)}\n`);
      current = control;
    },
  };
}
