import { type Document, isAlias, isCollection, isMap, isScalar, isSeq, type LineCounter } from 'yaml';
import { keyText } from './empty-keys.ts';
import type { Path } from './problem.ts';

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
