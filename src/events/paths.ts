import * as z from 'zod';

/** The message for a path or a command that names the home folder of another user. */
export const othersHome =
  'the home folder of another user (~name) is not looked up: write the whole path. ~ and ~/... are your own home folder';

/** `~bob`, `~bob/x`; not `~` and `~/x`. */
export const isOthersHome = (path: string): boolean => /^~[^/]/.test(path);

/** The first word that names another user's home folder. An argument like `~5` is not a path: it has no `/`. */
export const othersHomeAt = (words: readonly string[]): number =>
  words.findIndex((word, index) => isOthersHome(word) && (index === 0 || /^~[\w.-]+\//.test(word)));

/** A path as a person writes it: `~` and `~/x` mean the home folder. */
export const path = z
  .string()
  .min(1)
  .refine((text) => !isOthersHome(text), othersHome);

const paths = z.registry<{ readonly isPath: true }>();
paths.add(path, { isPath: true });

/** True for `path`, also with its own description. */
export const isPathSchema = (schema: z.core.$ZodType): boolean => paths.get(schema) !== undefined;

/** Refuses a command that names another user's home folder, and points at the word. */
export function checkWords(context: z.core.ParsePayload<string[]>): void {
  const { value, issues } = context;
  const index = othersHomeAt(value);
  if (index >= 0) issues.push({ code: 'custom', input: value, path: [index], message: othersHome });
}

/** A command: a list of words, in which `~` and `~/x` mean the home folder. */
export const command = z.array(z.string().min(1)).min(1).check(checkWords);

/**
 * True for a path that cannot leave its folder: relative, parts separated by `/`, none of them empty, `.` or `..`, no
 * backslash and no control character. Links on the disk are checked where the path is used (io/disk/inside.ts).
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
