import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type Pair, parseDocument, type YAMLMap } from 'yaml';
import { isMapping, isSame, type Mapping } from '../mapping.ts';
import { seedsBeyond } from './phase-changes.ts';
import { seedList } from './plan-runs.ts';

/** The seeds that run each one once more: the accepted ones, new ones of the file, and all of the file again. */
export function seedsAgain(own: readonly number[], accepted: readonly number[] | null): number[] {
  const known = accepted ?? own;
  return [...known, ...seedsBeyond(own, known), ...own];
}

/** The text with these seeds, otherwise unchanged. Null if that is not safe: no mapping, or an anchor on the seeds. */
export function withSeeds(text: string, seeds: readonly number[]): string | null {
  const document = parseDocument(text);
  if (document.errors.length > 0 || !isMap(document.contents)) return null;
  const before: unknown = document.toJS();
  if (!isMapping(before)) return null;
  for (const candidate of candidates(text, document, document.contents, seeds))
    if (says(candidate, before, seeds)) return candidate;
  return null;
}

/** From the smallest edit to the largest. The first with the right meaning is used. */
function* candidates(text: string, document: Document, map: YAMLMap, seeds: readonly number[]): Generator<string> {
  const pair = map.items.find(({ key }) => isScalar(key) && key.value === 'seeds');
  const list = `[${seeds.join(', ')}]`;
  if (pair === undefined) yield* added(text, map, list);
  else {
    yield* extended(text, pair, seeds);
    yield* replaced(text, pair, list);
  }
  // An anchor here means that something else repeats the seeds, which the author has to resolve.
  if (isNode(pair?.value) && 'anchor' in pair.value && pair.value.anchor !== undefined) return;
  const node = document.createNode(seeds, { flow: true });
  document.set('seeds', node);
  yield document.toString({ lineWidth: 0 });
}

/** Without `seeds`: a line at the end, or a first entry in `{ ... }`. */
function* added(text: string, map: YAMLMap, list: string): Generator<string> {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const [start, end] = map.range ?? [0, 0];
  if (map.flow) {
    yield splice(text, { at: start + 1, text: ` "seeds": ${list},` });
    return;
  }
  const indent = text.slice(text.lastIndexOf('\n', start - 1) + 1, start);
  const lineEnd = text.slice(0, end).endsWith('\n') ? '' : newline;
  yield splice(text, { at: end, text: `${lineEnd}${indent}seeds: ${list}${newline}` });
  yield `${text}${text.endsWith('\n') ? '' : newline}${indent}seeds: ${list}${newline}`;
}

/** A list gets the missing seeds after its last entry, so that comments between the entries stay. */
function* extended(text: string, pair: Pair, seeds: readonly number[]): Generator<string> {
  const { value } = pair;
  if (!isSeq(value) || value.items.length === 0) return;
  const more = seedsBeyond(seeds, seedList(value.toJSON()));
  const last = value.items.at(-1);
  if (!isScalar(last) || !last.range) return;
  if (value.flow) {
    yield splice(text, { at: last.range[1], text: more.map((seed) => `, ${seed}`).join('') });
    return;
  }
  const start = text.lastIndexOf('\n', last.range[0] - 1) + 1;
  const indent = /^\s*-\s*/.exec(text.slice(start, last.range[0]))?.[0];
  const lineEnd = text.indexOf('\n', last.range[1]);
  if (indent === undefined) return;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const lines = more.map((seed) => `${indent}${seed}${newline}`).join('');
  yield lineEnd === -1 ? `${text}${newline}${lines}` : splice(text, { at: lineEnd + 1, text: lines });
}

/** A number, an alias or nothing is replaced by the list. */
function* replaced(text: string, { value }: Pair, list: string): Generator<string> {
  if (!(isScalar(value) || isAlias(value)) || !value.range) return;
  const [start, end] = value.range;
  const gap = /[\s]$/.test(text.slice(0, start)) ? '' : ' ';
  yield splice(text, { at: start, until: end, text: `${gap}${list}` });
}

/** Whether the text means the same as before, with these seeds in any order: run names do not depend on it. */
function says(text: string, before: Mapping, seeds: readonly number[]): boolean {
  const document = parseDocument(text);
  if (document.errors.length > 0) return false;
  const after: unknown = document.toJS();
  if (!isMapping(after) || !Array.isArray(after.seeds)) return false;
  const sorted = (list: readonly number[]): number[] => [...list].sort((a, b) => a - b);
  return (
    isSame({ ...after, seeds: null }, { ...before, seeds: null }) &&
    isSame(sorted(seedList(after.seeds)), sorted(seeds))
  );
}

function splice(text: string, edit: { at: number; until?: number; text: string }): string {
  return `${text.slice(0, edit.at)}${edit.text}${text.slice(edit.until ?? edit.at)}`;
}
