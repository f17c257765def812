import { join } from 'node:path';
import * as z from 'zod';
import { CommandError } from '../../core/errors.ts';
import { atRest } from '../../core/run/control.ts';
import { type Control, control as schema } from '../../events/request.ts';
import { readText, writeWhole } from '../disk/files.ts';

/** .phasebox/control.json, kept in memory: whoever owns the workspace is the only one who writes it. */
export interface ControlStore {
  now(): Control;
  /** On the disk when it resolves. */
  set(control: Control): Promise<void>;
}

const controlFile = (state: string): string => join(state, 'control.json');

/** Pauses and priorities of a workspace. Throws CommandError 3 when the file is not what phasebox writes. */
export async function readControl(state: string): Promise<Control> {
  const path = controlFile(state);
  const text = await readText(path);
  if (text === null) return atRest;
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    const remedy = 'Remove it: pauses and priorities are lost, nothing else.';
    throw new CommandError(3, `${path} cannot be read: ${why}\n${remedy}`, { cause: error });
  }
}

/** Reads the file once; for the owner of the workspace. */
export async function openControl(state: string): Promise<ControlStore> {
  let current = await readControl(state);
  return {
    now: () => current,
    async set(control) {
      if (JSON.stringify(control) === JSON.stringify(current)) return;
      await writeWhole(controlFile(state), `${JSON.stringify(control, null, 2)}\n`);
      current = control;
    },
  };
}
