import { userInfo } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { CommandError } from '../../core/errors.ts';
import { isOthersHome, othersHome } from '../../events/paths.ts';

/** HOME, else what the system knows for this user (an empty HOME does not count). Null if neither exists. */
export function homeOrNull({ HOME = '' }: NodeJS.ProcessEnv = process.env): string | null {
  if (isAbsolute(HOME)) return HOME;
  try {
    const { homedir } = userInfo();
    return isAbsolute(homedir) ? homedir : null;
  } catch {
    return null; // a user without an entry, as in a container that runs as a bare number
  }
}

/** The same. Throws CommandError 3 if there is none. */
export function homeFolder(): string {
  const home = homeOrNull();
  if (home !== null) return home;
  const why = 'HOME is not set, and the system has none for this user';
  throw new CommandError(3, `The home folder is not known: ${why}. Set HOME.`);
}

const isInHome = (text: string): boolean => text === '~' || text.startsWith('~/');
const inHome = (text: string): string => (isInHome(text) ? join(homeFolder(), text.slice(1)) : text);

/** A path as people write it: relative to `root`, or with `~` for the home folder. */
export const absolutePath = (path: string, root: string): string => resolve(root, inHome(path));

/** The words of a command that a person wrote, with `~` and `~/x` expanded as a shell does. */
export const expandWords = (words: readonly string[]): string[] => words.map(inHome);

/** A path from outside the configs (environment, command line). Throws CommandError 2 for `~name`. */
export function givenPath(path: string, root: string): string {
  if (isOthersHome(path)) throw new CommandError(2, `${path}: ${othersHome}.`);
  return absolutePath(path, root);
}

/** A word such as `~/x` or `--option=~/x`, which shells leave to the program. Throws CommandError 2 for `~name`. */
export function expandArgument(word: string): string {
  const [, option = '', value = ''] = /^(--[a-z-]+=)?(~.*)$/s.exec(word) ?? [];
  if (isOthersHome(value)) throw new CommandError(2, `${word}: ${othersHome}.`);
  return value === '' ? word : `${option}${inHome(value)}`;
}
