import { groupBy } from '../group-by.ts';
import { canonicalJson } from '../json.ts';
import { get, isMapping, type Mapping } from '../mapping.ts';

/** The keys of a data row, by what they hold: mlx_lm's own, or those that a config names (`chat_feature`, ...). */
export interface RowNames {
  readonly chat: string;
  readonly prompt: string;
  readonly completion: string;
  readonly text: string;
}

/** What one side says in a conversation, without differences in white space. */
export interface Turn {
  readonly role: string;
  readonly text: string;
}

/** What is looked for in the training examples. */
export interface Wanted {
  readonly names: RowNames;
  /** Each prompt of a suite as a conversation without its system prompt. Empty if it is not only text. */
  readonly prompts: readonly (readonly Turn[])[];
}

/** One file of data as far as it was read. Lines count from 1. */
export interface ScannedFile {
  readonly lines: number;
  /** The number of lines that are not JSON. */
  readonly broken: number;
  /** The first of them. `why` is the parser's message. */
  readonly first: { readonly line: number; readonly seen: string; readonly why: string } | null;
  /** By the place of a prompt in `Wanted`: the first line that asks the same, after the same conversation. */
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
  const open = openPrompts(prompts);
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
    if (said?.systems === undefined) isOther = true;
    for (const place of said === null ? [] : open.takeAsked(said)) asked.set(place, lines);
    for (const system of said?.systems ?? []) if (systems.size <= mostSystems) systems.add(squeezed(system));
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

/** What an example says. */
interface Said {
  /** Its turns without system prompts. Empty if they are not separate. */
  readonly turns: readonly Turn[];
  /** Text in which a prompt may stand among others. */
  readonly text?: string;
  /** Absent if they are not marked as such. */
  readonly systems?: readonly string[];
}

/** Reads an example of mlx_lm's three kinds. Null if it is none of them. */
function sayings(row: unknown, names: RowNames): Said | null {
  if (!isMapping(row)) return null;
  const { [names.prompt]: prompt, [names.completion]: completion, [names.chat]: chat, [names.text]: text } = row;
  if (typeof prompt === 'string' && completion !== undefined) {
    const [user, assistant] = [
      turnOf({ role: 'user', content: prompt }),
      turnOf({ role: 'assistant', content: completion }),
    ];
    return { turns: [user, assistant].filter((turn) => turn !== null), text: prompt, systems: [] };
  }
  if (Array.isArray(chat)) {
    const messages = chat.filter(isMapping);
    const systems = messages.flatMap(({ role, content }) =>
      role === 'system' && typeof content === 'string' ? [content] : [],
    );
    return { turns: messages.filter(({ role }) => role !== 'system').map((one) => turnOf(one) ?? otherTurn), systems };
  }
  return typeof text === 'string' ? { turns: [], text } : null;
}

/** A turn that is not only text, which is never the same as another. */
const otherTurn: Turn = { role: '', text: '' };

/** A message as a turn. Calls of tools belong to what it says. Null if it has anything else than text. */
export function turnOf({ role, content, tool_calls: calls }: Mapping): Turn | null {
  if (typeof role !== 'string' || !(typeof content === 'string' || (content == null && Array.isArray(calls))))
    return null;
  const called = Array.isArray(calls) ? calls.map((call) => canonicalJson(get(call, 'function') ?? null)) : [];
  return { role, text: squeezed([content ?? '', ...called].join(' ')) };
}

/** Characters of a prompt from which on it is not found in another text by chance. */
const leastFound = 20;

/** The prompts that were not found yet, and how they are found. */
function openPrompts(prompts: Wanted['prompts']): { takeAsked(said: Said): number[] } {
  const known = prompts.map((turns, place) => ({ place, turns, last: turns.at(-1)?.text ?? '' }));
  const open = new Map(known.filter(({ last }) => last !== '').map((one) => [one.place, one]));
  const byLast = groupBy([...open.values()], ({ last }) => last);
  const long = [...open.values()].filter(
    ({ turns }) => turns.reduce((sum, { text }) => sum + text.length, 0) >= leastFound,
  );
  return {
    takeAsked({ turns, text }) {
      const same = turns.flatMap((turn, at) =>
        (byLast.get(turn.text) ?? []).filter((one) => endsWith(turns.slice(0, at + 1), one.turns)),
      );
      const inside =
        text === undefined
          ? []
          : standingIn(
              text,
              long.filter(({ place }) => open.has(place)),
            );
      const places = new Set([...same, ...inside].map(({ place }) => place).filter((place) => open.has(place)));
      for (const place of places) open.delete(place);
      return [...places];
    },
  };
}

/** Whether a conversation so far ends in these turns. */
function endsWith(said: readonly Turn[], turns: readonly Turn[]): boolean {
  const end = said.slice(-turns.length);
  return (
    end.length === turns.length && turns.every(({ role, text }, at) => end[at]?.role === role && end[at]?.text === text)
  );
}

/** The prompts whose turns a text has, one after the other. */
function standingIn<P extends { readonly turns: readonly Turn[] }>(text: string, prompts: readonly P[]): P[] {
  if (prompts.length === 0) return [];
  const whole = squeezed(text);
  return prompts.filter(({ turns }) => {
    let from = 0;
    return turns.every((turn) => {
      const at = whole.indexOf(turn.text, from);
      from = at + turn.text.length;
      return at >= 0;
    });
  });
}
