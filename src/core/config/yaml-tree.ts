import { type Document, isAlias, isCollection, isMap, isScalar, isSeq, type LineCounter, type Pair } from 'yaml';
import type { Path } from './problem.ts';
import { withoutComma } from './slips.ts';

/** The positions of the parts of a mapping as plain data, since it may be read in another thread. */
export interface Branch {
  /** A scalar as written, without quotes. Absent if it is not a scalar, or null. */
  readonly text?: string;
  readonly places?: readonly Place[];
}

interface Place {
  /** The names for it in a path: its value, and how it is written (`000`). Empty for an item of a list. */
  readonly names: readonly string[];
  readonly line: number | null;
  readonly value: Branch;
}

/** The tree of a document with a valid structure, and its number of keys and list items. */
export function treeOf(document: Document, lines: LineCounter): { readonly tree: Branch; readonly entries: number } {
  const known = new Map<unknown, Branch>();
  let entries = 0;
  const lineOf = (node: unknown): number | null =>
    (isScalar(node) || isCollection(node) || isAlias(node)) && node.range ? lines.linePos(node.range[0]).line : null;
  const place = (names: readonly string[], marked: unknown, value: unknown): Place => {
    entries += 1;
    return { names, line: lineOf(marked), value: branch(isAlias(value) ? value.resolve(document) : value) };
  };
  const grown = (node: unknown): Branch => {
    if (isMap(node))
      return { places: node.items.map(({ key, value }) => place(isScalar(key) ? namesOf(key) : [], key, value)) };
    if (isSeq(node)) return { places: node.items.map((item) => place([], item, item)) };
    if (!isScalar(node) || node.value === null) return {};
    const text = typeof node.value === 'string' ? node.value : node.source;
    return text === undefined ? {} : { text };
  };
  const branch = (node: unknown): Branch => {
    const made = known.get(node) ?? grown(node);
    known.set(node, made);
    return made;
  };
  return { tree: branch(document.contents), entries };
}

const namesOf = (key: { readonly value: unknown; readonly source?: string | undefined }): string[] => [
  keyText(key),
  ...(key.source === undefined ? [] : [key.source]),
];

/** Looks up paths in a tree: the line of the deepest existing part, and a scalar as written. */
export function finderIn(tree: Branch) {
  const walk = (path: Path) => {
    let [node, depth, line]: [Branch, number, number | null] = [tree, 0, null];
    for (const key of path) {
      const places: readonly Place[] = node.places ?? [];
      const found = typeof key === 'number' ? itemAt(places, key) : places.find(({ names }) => names.includes(key));
      if (found === undefined) break;
      line = found.line ?? line;
      node = found.value;
      depth += 1;
    }
    return { node, depth, line };
  };
  return {
    find: (path: Path) => {
      const { depth, line } = walk(path);
      return { depth, line };
    },
    text: (path: Path): string | undefined => {
      const { node, depth } = walk(path);
      return depth < path.length ? undefined : node.text;
    },
  };
}

const itemAt = (places: readonly Place[], index: number): Place | undefined => {
  const place = places[index];
  return place?.names.length === 0 ? place : undefined;
};

/** A key without a value. */
export interface EmptyKey {
  readonly path: Path;
  /** `bare`: without a colon too (`{ mask_prompt }`). `blank`: nothing after the colon. `tilde`: `~`, YAML's null. */
  readonly kind: 'bare' | 'blank' | 'tilde';
  /** The key as written. */
  readonly text: string;
  /** What to write instead of a whole number that a comma split: `1,000` is an entry with the value 1 and a key 000. */
  readonly numberHint: string | null;
}

/** Like `toJS` writes a key. */
export const keyText = (key: { readonly value: unknown }): string => (key.value === null ? '' : String(key.value));

const sourceOf = (node: unknown): string => (isScalar(node) ? (node.source ?? keyText(node)) : '');

/** Keys without a value (an explicit `null` is one), and numbers in lists that a thousands comma took apart. */
export function readGaps(document: Document): { readonly empty: EmptyKey[]; readonly split: SplitNumber[] } {
  const empty: EmptyKey[] = [];
  const split: SplitNumber[] = [];
  const walk = (node: unknown, path: Path): void => {
    if (isSeq(node))
      for (const [index, item] of node.items.entries()) {
        walk(item, [...path, index]);
        const hint = splitHint(node.items, index);
        if (hint !== null) split.push({ path: [...path, index], hint });
      }
    if (!isMap(node)) return;
    for (const [index, pair] of node.items.entries()) {
      if (!isScalar(pair.key)) continue;
      const place = [...path, keyText(pair.key)];
      const kind = emptiness(pair);
      const numberHint = kind === 'bare' ? numberHintAt(node.items, index) : null;
      if (kind !== null) empty.push({ path: place, kind, text: sourceOf(pair.key), numberHint });
      walk(pair.value, place);
    }
  };
  walk(document.contents, []);
  return { empty, split };
}

function emptiness({ value }: Pair): EmptyKey['kind'] | null {
  if (value === null) return 'bare';
  if (!isScalar(value) || value.value !== null || value.tag !== undefined) return null;
  if (value.source === '~') return 'tilde';
  return value.source === '' ? 'blank' : null;
}

/** What to write instead of the number that ends with the bare key at this place. Null if there is none. */
export function numberHintAt(items: readonly Pair[], index: number): string | null {
  const first = items.slice(0, index).findLastIndex((pair) => emptiness(pair) !== 'bare');
  const start = items[first];
  if (start === undefined) return null;
  return entriesHint([sourceOf(start.value), ...items.slice(first + 1, index + 1).map((pair) => sourceOf(pair.key))]);
}

/** A number in a list that a comma split: `[1,000]` contains 1 and 0. `hint` says what to write instead. */
export interface SplitNumber {
  readonly path: Path;
  readonly hint: string;
}

/** The parts after the first begin with a zero and follow without a space: `[100,200]` are two numbers. */
function splitHint(items: readonly unknown[], index: number): string | null {
  const parts = [sourceOf(items[index])];
  for (let next = index + 1; isGlued(items[next - 1], items[next]); next++) parts.push(sourceOf(items[next]));
  return /^[+-]?[1-9]\d{0,2}$/.test(parts[0] ?? '') && parts[1]?.startsWith('0') ? entriesHint(parts) : null;
}

/** Only a comma is between them, and three digits follow it. */
const isGlued = (before: unknown, item: unknown): boolean =>
  isScalar(before) &&
  isScalar(item) &&
  item.range?.[0] === (before.range?.[1] ?? 0) + 1 &&
  /^\d{3}$/.test(sourceOf(item));

const counts: Readonly<Record<number, string>> = { 2: 'two', 3: 'three', 4: 'four' };

function entriesHint(parts: readonly string[]): string | null {
  const written = parts.join(',');
  const meant = withoutComma(written);
  const count = written.split(',').length;
  return meant === undefined ? null : `\`${written}\` is ${counts[count] ?? count} entries in YAML: write ${meant}`;
}
