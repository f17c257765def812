import { groupBy } from '../group-by.ts';
import { isMapping, type Mapping } from '../mapping.ts';

/** The keys of a data row, by what they hold: mlx_lm's own, or those that a config names (`chat_feature`, ...). */
export interface RowNames {
  readonly chat: string;
  readonly prompt: string;
  readonly completion: string;
  readonly text: string;
}

/** What is looked for in the training examples. */
export interface Wanted {
  readonly names: RowNames;
  /** What the user says in each prompt of a suite. */
  readonly prompts: readonly string[];
}

/** One file of data as far as it was read. Lines count from 1. */
export interface ScannedFile {
  readonly lines: number;
  /** The number of lines that are not JSON. */
  readonly broken: number;
  /** The first of them. `why` is the parser's message. */
  readonly first: { readonly line: number; readonly seen: string; readonly why: string } | null;
  /** By the place of a prompt in `Wanted`: the first line that asks the same. */
  readonly asked: readonly { readonly prompt: number; readonly line: number }[];
  /** The system prompts of the examples. Null if that is not known: other kinds of rows, or too many to keep. */
  readonly systems: readonly string[] | null;
}

const mostSystems = 1000;
const longestSeen = 60;

/** Texts are compared without differences in white space. */
export const squeezed = (text: string): string => text.trim().replaceAll(/\s+/g, ' ');

/** Reads the lines of one file, one after the other. It costs about 1 s per 100 MB. */
export function rowScanner({ names, prompts }: Wanted): {
  /** @param bytes - A line without its line break. */
  line(bytes: Uint8Array): void;
  result(): ScannedFile;
} {
  const places = groupBy(prompts.keys(), (index) => squeezed(prompts[index] ?? ''));
  // A prompt that is no text.
  places.delete('');
  const asked = new Map<number, number>();
  const systems = new Set<string>();
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let [lines, broken, isOther] = [0, 0, false];
  let first: ScannedFile['first'] = null;
  const fault = (seen: string, why: string): void => {
    broken += 1;
    first ??= { line: lines, seen: seen.slice(0, longestSeen), why };
  };
  const row = (text: string): void => {
    lines += 1;
    const parsed = parseRow(text);
    if (!parsed.ok) {
      fault(text, parsed.why);
      return;
    }
    const said = sayings(parsed.value, names);
    if (said === null) {
      isOther = true;
      return;
    }
    for (const user of said.users) {
      for (const place of places.get(squeezed(user)) ?? []) if (!asked.has(place)) asked.set(place, lines);
    }
    for (const system of said.systems) if (systems.size <= mostSystems) systems.add(squeezed(system));
  };
  return {
    line(bytes) {
      let text: string;
      try {
        text = decoder.decode(bytes);
      } catch {
        lines += 1;
        fault('', 'not UTF-8 text');
        return;
      }
      // Python also ends a line at a lone carriage return.
      for (const part of text.replace(/\r$/, '').split('\r')) row(part);
    },
    result() {
      const found = [...asked].map(([prompt, line]) => ({ prompt, line })).sort((a, b) => a.prompt - b.prompt);
      const isKnown = !isOther && systems.size <= mostSystems;
      return { lines, broken, first, asked: found, systems: isKnown ? [...systems] : null };
    },
  };
}

/** Numbers that Python reads and JSON does not have, outside of texts. */
const pythonNumbers = /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g;

type Parsed = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly why: string };

/** A line as Python's `json.loads` takes it, which mlx_lm calls for every line. */
function parseRow(text: string): Parsed {
  if (text.trim() === '') return { ok: false, why: 'an empty line' };
  if (text.startsWith('\ufeff')) return { ok: false, why: 'a byte order mark at its start' };
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    const plain = text.replaceAll(pythonNumbers, (part) => (part.startsWith('"') ? part : '0'));
    if (plain !== text) return parseRow(plain);
    // V8 adds the text itself, or the place on the line in a second way.
    const said = error instanceof Error ? error.message.replace(/,? *(\.\.\.)?"[\s\S]*$| \(line .*$/, '') : '';
    return { ok: false, why: `not JSON: ${said}` };
  }
}

/** What users and system prompts say in an example. Null if it is none of the kinds that have both. */
function sayings(
  row: unknown,
  names: RowNames,
): { readonly users: readonly string[]; readonly systems: readonly string[] } | null {
  if (!isMapping(row)) return null;
  const { [names.prompt]: prompt, [names.completion]: completion, [names.chat]: chat } = row;
  if (typeof prompt === 'string' && completion !== undefined) return { users: [prompt], systems: [] };
  if (!Array.isArray(chat)) return null;
  const by = (role: string): string[] => chat.filter(isMapping).flatMap((message) => textOf(message, role));
  return { users: by('user'), systems: by('system') };
}

const textOf = (message: Mapping, role: string): string[] =>
  message.role === role && typeof message.content === 'string' ? [message.content] : [];
