import * as z from 'zod';

/**
 * True for a path that cannot leave the folder it belongs to: relative, with parts separated by `/`, no empty part, no
 * `.` and `..`, no backslash and no control character. Links on the disk are checked where the path is used
 * (io/disk/inside.ts).
 */
export function isInside(path: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the refused characters
  if (/[\u0000-\u001f\u007f\\]/.test(path)) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** The name of a phase or run in a row, a plan or a record. It is joined to paths below artifacts/. */
export const folderName = z
  .string()
  .refine(
    (name) => isInside(name) && !name.includes('/') && !name.startsWith('.'),
    'a name without / and without a dot in front',
  );

/** A path inside the folder of its file: a stage's output below the stage's folder. */
export const inside = z.string().refine(isInside, 'a relative path inside its folder, without ..');
