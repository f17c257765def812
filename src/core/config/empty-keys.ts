import { type Document, isMap, isScalar, isSeq, type Pair } from 'yaml';
import type { Path } from './problem.ts';
import { withoutComma } from './slips.ts';

/** A key without a value. */
export interface EmptyKey {
  readonly path: Path;
  /** `bare`: without a colon too (`{ mask_prompt }`). `blank`: nothing after the colon. `tilde`: `~`, YAML's null. */
  readonly kind: 'bare' | 'blank' | 'tilde';
  /** The key as written. */
  readonly text: string;
  /** The whole number that a comma split: `1,000` is an entry with the value 1 and a key 000. Null if it is not one. */
  readonly number: { readonly written: string; readonly meant: string } | null;
}

/** Like `toJS` writes a key. */
export const keyText = (key: { readonly value: unknown }): string => (key.value === null ? '' : String(key.value));

const sourceOf = (node: unknown): string => (isScalar(node) ? (node.source ?? keyText(node)) : '');

/**
 * The keys of a document that have no value (an explicit `null` is a value), and the numbers in lists that a thousands comma
 * took apart. A part of such a number must have leading zeros and no space before it: numbers of their own are not
 * written like that, and `[100,200]` are two.
 */
export function readGaps(document: Document): { readonly empty: EmptyKey[]; readonly split: SplitNumber[] } {
  const empty: EmptyKey[] = [];
  const split: SplitNumber[] = [];
  const walk = (node: unknown, path: Path): void => {
    if (isSeq(node))
      for (const [index, item] of node.items.entries()) {
        walk(item, [...path, index]);
        const number = splitAt(node.items, index);
        if (number !== null) split.push({ path: [...path, index], number });
      }
    if (!isMap(node)) return;
    for (const [index, pair] of node.items.entries()) {
      if (!isScalar(pair.key)) continue;
      const place = [...path, keyText(pair.key)];
      const kind = emptiness(pair);
      const number = kind === 'bare' ? numberBefore(node.items, index) : null;
      if (kind !== null) empty.push({ path: place, kind, text: sourceOf(pair.key), number });
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

/** The number that ends with the bare key at this place. */
export function numberBefore(items: readonly Pair[], index: number): EmptyKey['number'] {
  const first = items.slice(0, index).findLastIndex((pair) => emptiness(pair) !== 'bare');
  const start = items[first];
  if (start === undefined) return null;
  const parts = [sourceOf(start.value), ...items.slice(first + 1, index + 1).map((pair) => sourceOf(pair.key))];
  const written = parts.join(',');
  const meant = withoutComma(written);
  return meant === undefined ? null : { written, meant };
}

/** A number in a list that a comma split: `[1,000]` contains 1 and 0. */
export interface SplitNumber {
  readonly path: Path;
  readonly number: NonNullable<EmptyKey['number']>;
}

function splitAt(items: readonly unknown[], index: number): EmptyKey['number'] {
  const parts = [sourceOf(items[index])];
  for (let next = index + 1; isGlued(items[next - 1], items[next]); next++) parts.push(sourceOf(items[next]));
  if (!/^[+-]?[1-9]\d{0,2}$/.test(parts[0] ?? '') || !parts[1]?.startsWith('0')) return null;
  const written = parts.join(',');
  const meant = withoutComma(written);
  return meant === undefined ? null : { written, meant };
}

/** Only a comma is between them, and three digits follow it. */
const isGlued = (before: unknown, item: unknown): boolean =>
  isScalar(before) &&
  isScalar(item) &&
  item.range?.[0] === (before.range?.[1] ?? 0) + 1 &&
  /^\d{3}$/.test(sourceOf(item));

const counts: Readonly<Record<number, string>> = { 2: 'two', 3: 'three', 4: 'four' };

/** What to write instead of a number that a comma split. */
export function entriesHint({ written, meant }: NonNullable<EmptyKey['number']>): string {
  const parts = written.split(',').length;
  return `\`${written}\` is ${counts[parts] ?? parts} entries in YAML: write ${meant}`;
}
