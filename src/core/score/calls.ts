import { endOfQuoted, findAhead } from './find-ahead.ts';
import { asObject, jsonText, parseTolerant } from './tolerant-json.ts';

/** A function call in an answer. */
export interface Call {
  readonly name: string;
  /** Where expected names are looked for: argument `code`, else `python`, else every text argument, else `raw`. */
  readonly code: string;
  /** The arguments as they were written; null: they stand in the text, letter by letter. */
  readonly raw: string | null;
  /** The arguments by name, of an XML call as the texts that stand there; null: they are no mapping, or cut. */
  readonly values: Readonly<Record<string, unknown>> | null;
}

/** A message's `tool_calls`. What has no name is no call. */
export function nativeCalls(toolCalls: unknown): readonly Call[] {
  if (!Array.isArray(toolCalls)) return [];
  return toolCalls.flatMap((item: unknown) => {
    const outer = asObject(item);
    return callOf(asObject(outer?.function) ?? outer);
  });
}

/** `{name, arguments}`, the arguments an object or JSON text (`parameters` is Llama's word for them). */
function callOf(value: Readonly<Record<string, unknown>> | null): readonly Call[] {
  if (value === null || typeof value.name !== 'string' || value.name === '') return [];
  const given = value.arguments ?? value.parameters ?? '';
  const raw = typeof given === 'string' ? given : jsonText(given);
  return [{ name: value.name, code: codeIn(given, raw), raw, values: valuesIn(given) }];
}

/** JSON text is read, also when it was made a text twice. */
function valuesIn(given: unknown): Call['values'] {
  if (typeof given !== 'string') return asObject(given);
  const parsed = tryParse(given);
  return typeof parsed === 'string' ? asObject(tryParse(parsed)) : asObject(parsed);
}

function codeIn(given: unknown, raw: string): string {
  if (typeof given === 'string') {
    const parsed = tryParse(given);
    if (typeof parsed === 'string') return parsed;
    return parsed === undefined ? unescaped(raw) : codeIn(parsed, raw);
  }
  const values = asObject(given);
  if (values === null) return raw;
  const texts = Object.entries(values).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return codeAmong(texts) ?? raw;
}

/** The one order of preference for every notation. A name given twice counts twice: all its texts are taken. */
function codeAmong(texts: readonly (readonly [string, string])[]): string | undefined {
  for (const wanted of ['code', 'python']) {
    const found = texts.filter(([name]) => name === wanted);
    if (found.length > 0) return found.map(([, text]) => text).join('\n');
  }
  return texts.length > 0 ? texts.map(([, text]) => text).join('\n') : undefined;
}

/** `undefined` for what is no JSON: JSON itself has no such value. */
function tryParse(text: string): unknown {
  try {
    return parseTolerant(text);
  } catch {
    return undefined;
  }
}

/** Cut JSON cannot be parsed; without this an identifier after `\n` would look as if it began with an n. */
const unescaped = (text: string): string => text.replace(/\\([nrt"])/g, (_, sign) => (sign === '"' ? '"' : '\n'));

// A name that the text ends in is cut: nobody knows what it would have become, so it is no call.
const opening = /<function=\s*["']?([^\s<>"']+)["']?(?:\s*>|\s)|<tool_call>(?=\s*[{[])/g;
const callEnd = /<\/function>|<\/tool_call>/g;
const valueEnd = /<\/parameter>|<\/function>|<\/tool_call>|(?=<parameter=)/g;
const bodyMark = /<parameter=\s*["']?([^\s<>"']+)["']?\s*>|<\/function>|<\/tool_call>|(?=<function=|<tool_call>)/g;

/** The calls written in a text, XML (`<function=NAME>`) and JSON (`<tool_call>{..}`), in order. */
export function textCalls(text: string): readonly Call[] {
  const calls: Call[] = [];
  const nextJsonEnd = findAhead(text, '</tool_call>');
  let close = 0;
  let nameless = 0;
  for (let from = 0; ; ) {
    const found = next(opening, text, from);
    if (found === null) return calls;
    from = found.end;
    // Looked for once, not once a call: a model that loops writes thousands of unclosed ones.
    if (close < from) close = next(callEnd, text, from)?.start ?? text.length;
    const name = found.match[1];
    // Where a longer part of the text holds no name, a shorter one does not either.
    if (name === undefined && from < nameless) continue;
    const end = nextJsonEnd(from);
    const read = name === undefined ? jsonCalls(text.slice(from, end)) : xmlCall({ name, text, from, close });
    if (read === null) {
      nameless = end;
      continue;
    }
    for (const one of read.calls) calls.push(one);
    from = read.end ?? end;
  }
}

interface ReadCalls {
  readonly calls: readonly Call[];
  /** Where the search goes on; absent: behind the part that was given. */
  readonly end?: number;
}

/**
 * One XML call. Unclosed, it runs to the end of the text; a mark inside a parameter's value is data. Without parameters
 * its code is all that stands in it; then a further opening mark is both, data and a call of its own.
 */
function xmlCall(call: { name: string; text: string; from: number; close: number }): ReadCalls {
  const { name, text, from, close } = call;
  const values: [string, string][] = [];
  for (let position = from; ; ) {
    const mark = next(bodyMark, text, position);
    const parameter = mark?.match[1];
    if (mark === null || parameter === undefined)
      return {
        calls: [
          { name, code: codeAmong(values) ?? text.slice(from, close), raw: null, values: Object.fromEntries(values) },
        ],
        end: mark?.end ?? text.length,
      };
    const end = next(valueEnd, text, mark.end);
    values.push([parameter, text.slice(mark.end, end?.start ?? text.length)]);
    // Only its own closing mark belongs to the value; a call's is read by the next turn.
    position = end === null ? text.length : end.match[0] === '</parameter>' ? end.end : end.start;
  }
}

/** The JSON after a `<tool_call>` mark: one call, a list of calls, or a cut one, whose name is taken out of the raw text. Null: no name in it. */
function jsonCalls(raw: string): ReadCalls | null {
  // Asked first, as it is cheap: parsing thousands of nameless marks to the end of the text is not.
  const name = nameIn(raw);
  if (name === null) return null;
  const parsed = tryParse(raw);
  if (parsed !== undefined) return { calls: nativeCalls([parsed].flat()) };
  const given = /"(?:arguments|parameters)"\s*:\s*(.*)/s.exec(raw)?.[1] ?? raw;
  return { calls: [{ name, code: unescaped(given), raw: given, values: null }] };
}

/** The first name that is whole and not empty, as it is written. */
function nameIn(raw: string): string | null {
  for (const { index, 0: mark } of raw.matchAll(/"name"\s*:\s*"/g)) {
    const start = index + mark.length;
    const end = endOfQuoted(raw, start);
    if (end === null) return null;
    if (end - 1 > start) return raw.slice(start, end - 1);
  }
  return null;
}

function next(
  pattern: RegExp,
  text: string,
  from: number,
): { match: RegExpExecArray; start: number; end: number } | null {
  pattern.lastIndex = from;
  const match = pattern.exec(text);
  return match === null ? null : { match, start: match.index, end: match.index + match[0].length };
}
