import { plural } from '../format.ts';
import { shownName } from '../printable.ts';

/** Endings of a config's name, in any case. A transfer writes `x.yaml.part` until the file is complete. */
const extension = /\.(?:yaml|yml|json)$/i;

/** Hidden files, what editors and office programs leave while a file is open, and our own folders. */
const quiet = /^\.|^~\$|~$|\.sw[a-z]$|^#.*#$|^4913$|^(?:accepted|rejected)$/;

/** What macOS puts in the place of a file that is only in iCloud: `.night.yaml.icloud`. */
const placeholder = /^\..+\.icloud$/i;

/** Names that are never configs and need no report. */
export const isQuiet = (name: string): boolean => quiet.test(name);

/** Names that the inbox accepts. */
export const isConfigName = (name: string): boolean => extension.test(name) && !isQuiet(name);

/** Something in the inbox that is ignored, though a person may expect otherwise. `name` is escaped for printing. */
export interface LeftAlone {
  readonly name: string;
  readonly why: 'extension' | 'not_utf8' | 'in_icloud';
}

/** What an entry of the inbox is, judged by its name alone. */
export type Named =
  | { readonly kind: 'config' | 'quiet'; readonly name: string }
  | { readonly kind: 'left'; readonly name: string; readonly left: LeftAlone };

/** Sorts an entry by the bytes of its name: Node's text of a name that is not UTF-8 opens no file. */
export function sortName(bytes: Uint8Array): Named {
  const name = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  const left = (why: LeftAlone['why']): Named => ({ kind: 'left', name, left: { name: shownName(bytes), why } });
  if (placeholder.test(name)) return left('in_icloud');
  if (isQuiet(name)) return { kind: 'quiet', name };
  if (!Buffer.from(name).equals(bytes)) return left('not_utf8');
  return isConfigName(name) ? { kind: 'config', name } : left('extension');
}

/** The name that `submit` gives a file in the inbox: its own if the inbox accepts it, else one that ends in `.yaml`. */
export function inboxName(name: string): string {
  if (isConfigName(name)) return name;
  const shown = name.replace(/^(?:~\$|\.)+/, '');
  return isConfigName(shown) ? shown : `${shown || 'config'}.yaml`;
}

const mostNames = 100;

const reasons: Readonly<Record<LeftAlone['why'], readonly [what: string, todo: string]>> = {
  extension: ['not .yaml, .yml or .json', 'Rename what is a config, or use `phasebox submit FILE`.'],
  not_utf8: ['the name is not valid UTF-8', 'Rename it.'],
  in_icloud: ['not downloaded yet from iCloud', 'Open it in Finder, or run `brctl download FILE`.'],
};

/** One sentence with the names for each reason why entries are ignored. */
export function leftAloneTexts(left: readonly LeftAlone[]): string[] {
  return Object.entries(reasons).flatMap(([why, [what, todo]]) => {
    const names = left.filter((one) => one.why === why).map(({ name }) => name);
    if (names.length === 0) return [];
    const more = names.length - mostNames;
    const shown = [...names.slice(0, mostNames), ...(more > 0 ? [`and ${more} more`] : [])].join(', ');
    return [`ignored in the inbox: ${plural(names.length, 'file')}, ${what}: ${shown}. ${todo}`];
  });
}
