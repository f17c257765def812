import { lstat, rename } from 'node:fs/promises';
import * as z from 'zod';
import { DamagedFile } from '../../core/errors.ts';
import { onOneLine } from '../../core/printable.ts';
import { ifAbsent, readText } from './files.ts';

/** The value of a JSON text that phasebox wrote. Throws DamagedFile. */
export function parseOwn<S extends z.ZodType>(text: string, schema: S, where: OwnFile): z.output<S> {
  const { path, remedy } = where;
  const damaged = (reason: string, cause?: unknown): DamagedFile =>
    new DamagedFile(path, reason, { cause, ...(remedy === undefined ? {} : { remedy }) });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(text.trim() === '' ? 'it is empty' : 'it is not valid JSON', error);
  }
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  throw damaged(onOneLine(z.prettifyError(read.error)).slice(0, longestReason));
}

/** The path of a file of ours, and what to do if it cannot be read. */
export interface OwnFile {
  readonly path: string;
  readonly remedy?: string;
}

const longestReason = 300;

/** For `.catch`: the same DamagedFile with what to do about this file. */
export const withRemedy =
  (remedy: string | undefined) =>
  (error: unknown): never => {
    if (!(error instanceof DamagedFile) || remedy === undefined) throw error;
    throw new DamagedFile(error.path, error.reason, { cause: error, remedy });
  };

/** A JSON file that phasebox wrote, or null if it does not exist. Throws DamagedFile. */
export async function readOwn<S extends z.ZodType>(schema: S, where: OwnFile): Promise<z.output<S> | null> {
  const text = await readText(where.path).catch(withRemedy(where.remedy));
  return text === null ? null : parseOwn(text, schema, where);
}

/** For `.catch`: the DamagedFile itself. Throws any other error. */
export function damageOf(error: unknown): DamagedFile {
  if (error instanceof DamagedFile) return error;
  throw error;
}

/** For `.catch`: returns `value` for a damaged file, and throws any other error. */
export function ifDamaged<T>(value: T): (error: unknown) => T {
  return (error) => {
    damageOf(error);
    return value;
  };
}

/** Renames an unreadable file to `NAME.damaged` (`.damaged.2` ...). Returns a line for people. Throws other errors. */
export async function moveAside(error: unknown): Promise<string> {
  const { path, message } = damageOf(error);
  for (let n = 1; ; n++) {
    const target = `${path}.damaged${n === 1 ? '' : `.${n}`}`;
    if ((await lstat(target).catch(ifAbsent(null))) !== null) continue;
    await rename(path, target);
    return `${message} It is now ${target}`;
  }
}
