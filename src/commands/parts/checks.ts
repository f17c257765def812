import { CommandError, messageOf } from '../../core/errors.ts';
import { onOneLine } from '../../core/printable.ts';
import { diskErrorOf } from '../../io/host/disk-errors.ts';

/** One line of `doctor`. `todo` says what to do about it, or is null. */
export interface Check {
  readonly name: string;
  readonly status: 'ok' | 'warn' | 'missing';
  readonly detail: string;
  readonly todo: string | null;
}

export const ok = (name: string, detail: string): Check => ({ name, status: 'ok', detail, todo: null });
/** It works, but a person should know. */
export const warn = (name: string, detail: string, todo: string): Check => ({ name, status: 'warn', detail, todo });
/** phasebox cannot work without it. */
export const missing = (name: string, detail: string, todo: string): Check => ({
  ...warn(name, detail, todo),
  status: 'missing',
});

/** The message of anything thrown, on one line. */
export const reasonOf = (error: unknown): string => onOneLine(messageOf(error));

/** What to do about an error: the same as for every command if the disk refused something, else `otherwise`. */
export async function remedyOf(error: unknown, root: string | null, otherwise: string): Promise<string> {
  const refused = root === null ? null : await diskErrorOf(error instanceof CommandError ? error.cause : error, root);
  return refused?.todo ?? otherwise;
}

/** `missing` with the error if the check throws. `root` is the folder of the workspace, null if it is not about one. */
export async function checked(name: string, root: string | null, look: () => Promise<Check | readonly Check[]>) {
  try {
    return [await look()].flat();
  } catch (error) {
    const otherwise = error instanceof CommandError ? 'see above' : 'Report this with the line above.';
    return [missing(name, reasonOf(error), await remedyOf(error, root, otherwise))];
  }
}
