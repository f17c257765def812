import { Composer, CST, type Document, isNode, isScalar, LineCounter, type Node, Parser, visit } from 'yaml';
import { isMapping, type Mapping } from '../mapping.ts';
import { printable, refusedCharacter } from '../printable.ts';
import { type Path, type Problem, type Source, seenText } from './problem.ts';
import { spaceHint, syntaxHint } from './slips.ts';
import {
  type Branch,
  type EmptyKey,
  finderIn,
  keyText,
  numberHintAt,
  readGaps,
  type SplitNumber,
  treeOf,
} from './yaml-tree.ts';

/** Bytes: a config is a page of text, and anything larger is another kind of file. */
export const maxConfigBytes = 2 ** 20;
const maxAliases = 100;
/** No experiment has a hundredth of these. Checking 50,000 takes the main thread 400 ms. */
const maxEntries = 10_000;
const maxDepth = 40;
const maxSyntaxProblems = 5;
const coreTags = new Set(
  ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((tag) => `tag:yaml.org,2002:${tag}`),
);

/** A mapping that was read, and the positions of its parts. */
export interface YamlSource extends Source {
  readonly value: Mapping;
  /** A scalar as written (`4e3`, `no`), without quotes. Undefined if there is none at the path. */
  text(path: Path): string | undefined;
  /** Every key without a value, as written. */
  readonly empty: readonly EmptyKey[];
  /** Numbers in lists that are not what they look like. */
  readonly split: readonly SplitNumber[];
}

type Read<S> =
  | { readonly ok: true; readonly source: S }
  | { readonly ok: false; readonly problems: readonly Problem[] };
export type Yaml = Read<YamlSource>;

/** The same as plain data. */
export type YamlData = Read<Pick<YamlSource, 'file' | 'value' | 'empty' | 'split'> & { readonly tree: Branch }>;

/** Bytes as text: at most 1 MB of UTF-8 that is not binary. */
export function decode(bytes: Uint8Array): { readonly text: string } | { readonly message: string } {
  if (bytes.length > maxConfigBytes) return { message: `the file is too large: ${bytes.length} bytes; allowed: 1 MB` };
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? { message: 'the file is binary; allowed: YAML or JSON text' } : { text };
  } catch {
    // the decoder's only error
    return { message: 'the file is not UTF-8 text; allowed: YAML or JSON in UTF-8' };
  }
}

/** Reads one YAML 1.2 (or JSON) mapping. Never throws. A megabyte takes seconds, so io/thread calls this. */
export const readYaml = (bytes: Uint8Array | string, file: string): Yaml => openYaml(readYamlData(bytes, file));

/** Wraps what was read, perhaps in another thread, for lookups. */
export function openYaml(data: YamlData): Yaml {
  if (!data.ok) return data;
  const { tree, ...source } = data.source;
  return { ok: true, source: { ...source, ...finderIn(tree) } };
}

/** The data that `readYaml` reads. `mostEntries` limits its keys and list items. */
export function readYamlData(bytes: Uint8Array | string, file: string, mostEntries = maxEntries): YamlData {
  const decoded = typeof bytes === 'string' ? { text: bytes } : decode(bytes);
  const fail = (message: string, line: number | null = null, value?: unknown): YamlData => {
    const hint = typeof value === 'string' ? (spaceHint(value) ?? null) : null;
    return { ok: false, problems: [{ file, line, path: '', seen: seenText(value), message, hint }] };
  };
  if ('message' in decoded) return fail(decoded.message);
  const lines = new LineCounter();
  const tokens = [...new Parser(lines.addNewLine).parse(decoded.text)];
  const deep = tooDeepAt(tokens);
  if (deep !== null) return fail(`nested too deep; allowed: ${maxDepth} levels`, lines.linePos(deep).line);
  const { document, faults } = compose(tokens, decoded.text);
  if (faults.length > 0) return { ok: false, problems: faultProblems(faults, { file, text: decoded.text, lines }) };
  try {
    const value: unknown = document?.toJS({ maxAliasCount: maxAliases }) ?? null;
    if (value === null || document === undefined)
      return fail('the file is empty; allowed: a mapping (`key: value` lines)');
    if (!isMapping(value)) return fail('the file is not a mapping; allowed: `key: value` lines', 1, value);
    const { tree, entries } = treeOf(document, lines);
    if (entries > mostEntries) return fail(`${entries} keys and list items; allowed: at most ${mostEntries}`);
    return { ok: true, source: { file, value, ...readGaps(document), tree } };
  } catch (error) {
    // yaml's error for an alias bomb
    if (error instanceof ReferenceError) return fail(explode);
    throw error;
  }
}

const explode = `aliases that expand to too much; allowed: at most ${maxAliases}`;

/** Where nesting is too deep, or null. Checked first: V8 dies if it compiles a pattern on a nearly full stack. */
function tooDeepAt(tokens: readonly CST.Token[]): number | null {
  const left: { readonly token: CST.Token; readonly depth: number }[] = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { token, depth } = next;
    if (depth > maxDepth) return token.offset;
    if (token.type === 'document' && token.value !== undefined) left.push({ token: token.value, depth });
    if (!CST.isCollection(token)) continue;
    for (const { key, value } of token.items) {
      if (key) left.push({ token: key, depth: depth + 1 });
      if (value) left.push({ token: value, depth: depth + 1 });
    }
  }
  return null;
}

function compose(tokens: readonly CST.Token[], text: string) {
  // Unique keys are checked below: yaml compares each key with each other, which takes minutes for a megabyte of them.
  const composer = new Composer({ prettyErrors: false, logLevel: 'error', uniqueKeys: false });
  const [document, second] = [...composer.compose(tokens, true, text.length)];
  const faults = document === undefined ? [] : syntaxFaults(document);
  if (second !== undefined) {
    faults.push({ offset: second.range[0], message: 'a second document starts here; allowed: one a file' });
  }
  return { document, faults: faults.length > 0 || document === undefined ? faults : structureFaults(document, text) };
}

interface Fault {
  readonly offset: number;
  readonly message: string;
  readonly hint?: string;
  /** The parser's own message, for the hint. */
  readonly error?: string;
}

const syntaxFaults = (document: Document.Parsed): Fault[] =>
  document.errors.map(({ message, pos: [offset] }) => {
    const error = printable(message);
    return { offset, message: `not valid YAML: ${error}`, error };
  });

/** At most one per line, since one mistake causes many. */
function faultProblems(
  faults: readonly Fault[],
  { file, text, lines }: { file: string; text: string; lines: LineCounter },
): Problem[] {
  const byLine = new Map<number, Problem>();
  for (const { offset, message, error, hint: own = null } of faults) {
    const { line } = lines.linePos(offset);
    const written = text.slice(lines.lineStarts[line - 1], lines.lineStarts[line]).trimEnd();
    const hint = error === undefined ? own : syntaxHint(written, error);
    if (!byLine.has(line)) byLine.set(line, { file, line, path: '', seen: null, message, hint });
  }
  return [...byLine.values()].slice(0, maxSyntaxProblems);
}

/** What parses but would do harm, or means something other than it looks like. */
function structureFaults(document: Document, text: string): Fault[] {
  const faults: Fault[] = [];
  const anchors = new Map<string, unknown>();
  let aliases = 0;
  const add = (node: { range?: [number, number, number] | null | undefined }, message: string, hint?: string) =>
    faults.push({ offset: node.range?.[0] ?? 0, message: printable(message), ...(hint === undefined ? {} : { hint }) });
  if (document.directives?.yaml.version === '1.1') faults.push({ offset: 0, message: 'YAML 1.1; allowed: YAML 1.2' });
  const note = (node: Node): void => {
    if ('anchor' in node && node.anchor !== undefined) anchors.set(node.anchor, node);
    if (node.tag === undefined || node.tag === '!' || coreTags.has(node.tag)) return;
    add(node, `the tag ${node.tag} is not known; allowed: plain values`);
  };
  visit(document, {
    Node: (_key, node) => note(node),
    Scalar(key, node) {
      note(node);
      const refused = refusedCharacter(keyText(node), key === 'key');
      if (refused === null) return;
      const [start, end] = node.range ?? [0, 0];
      // Written literally, it has a line of its own. Written as an escape, it is at the start of its text.
      const at = text.slice(start, end).indexOf(refused.character);
      faults.push({ offset: start + Math.max(0, at), message: refused.message });
    },
    Alias(_key, node, path) {
      const target = anchors.get(node.source);
      aliases += 1;
      if (target === undefined) add(node, `the alias *${node.source} has no anchor &${node.source} before it`);
      else if (path.some((outer) => outer === target))
        add(node, `the alias *${node.source} is inside of its own anchor`);
      if (aliases <= maxAliases) return undefined;
      add(node, explode);
      return visit.BREAK;
    },
    Map(_key, node) {
      note(node);
      const keys = new Set<string>();
      for (const [index, { key, value }] of node.items.entries()) {
        const hint = value === null ? numberHintAt(node.items, index) : null;
        if (!isScalar(key)) add(isNode(key) ? key : node, 'a key that is not a word; allowed: `key: value`');
        else if (!keys.has(keyText(key))) keys.add(keyText(key));
        else add(key, `the key ${keyText(key)} occurs twice; allowed: once`, hint ?? undefined);
      }
    },
  });
  return faults;
}
