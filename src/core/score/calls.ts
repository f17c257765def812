import { asObject, endOfQuoted, jsonText, parseTolerant } from './tolerant-json.ts';

/** A function call in an answer. */
export interface Call {
  readonly name: string;
  /** Where expected names are searched: argument `code`, else `python`, else every text argument, else `raw`. */
  readonly code: string;
  /** The arguments as they were written. Null if they appear literally in the text. */
  readonly raw: string | null;
  /** The arguments by name. Those of an XML call are texts. Null if they are not a mapping, or are cut off. */
  readonly values: Readonly<Record<string, unknown>> | null;
}

/** A message's `tool_calls`. An entry without a name is not a call. */
export function nativeCalls(toolCalls: unknown): readonly Call[] {
  if (!Array.isArray(toolCalls)) return [];
  return toolCalls.flatMap((item: unknown) => {
    const outer = asObject(item);
    return callOf(asObject(outer?.function) ?? outer);
  });
}

/** `{name, arguments}`, where the arguments are an object or JSON text (Llama calls them `parameters`). */
function callOf(value: Readonly<Record<string, unknown>> | null): readonly Call[] {
  if (value === null || typeof value.name !== 'string' || value.name === '') return [];
  const given = value.arguments ?? value.parameters ?? '';
  const raw = typeof given === 'string' ? given : jsonText(given);
  return [{ name: value.name, code: codeIn(given, raw), raw, values: valuesIn(given) }];
}

/** JSON text is parsed, also if it was encoded twice. */
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

/** The order of preference for every notation. If a name is given twice, all its texts are used. */
function codeAmong(texts: readonly (readonly [string, string])[]): string | undefined {
  for (const wanted of ['code', 'python']) {
    const found = texts.filter(([name]) => name === wanted);
    if (found.length > 0) return found.map(([, text]) => text).join('\n');
  }
  return texts.length > 0 ? texts.map(([, text]) => text).join('\n') : undefined;
}

/** `undefined` if the text is not JSON, since JSON has no such value. */
function tryParse(text: string): unknown {
  try {
    return parseTolerant(text);
  } catch {
    return undefined;
  }
}

/** Cut JSON cannot be parsed. Without this, an identifier after `\n` would seem to begin with an n. */
const unescaped = (text: string): string => text.replace(/\\([nrt"])/g, (_, sign) => (sign === '"' ? '"' : '\n'));

// If the text ends within a name, the name may be incomplete, so it is not a call.
const opening = /<function=\s*["']?([^\s<>"']+)["']?(?:\s*>|\s)|<tool_call>(?=\s*[{[])/g;
const callEnd = /<\/function>|<\/tool_call>/g;
const valueEnd = /<\/parameter>|<\/function>|<\/tool_call>|(?=<parameter=)/g;
const bodyMark = /<parameter=\s*["']?([^\s<>"']+)["']?\s*>|<\/function>|<\/tool_call>|(?=<function=|<tool_call>)/g;

/** The calls in a text, XML (`<function=NAME>`) and JSON (`<tool_call>{..}`), in order. */
export function textCalls(text: string): readonly Call[] {
  const calls: Call[] = [];
  const nextJsonEnd = findAhead(text, '</tool_call>');
  let close = 0;
  let nameless = 0;
  for (let from = 0; ; ) {
    const found = next(opening, text, from);
    if (found === null) return calls;
    from = found.end;
    // Searched once and not for each call: a model that loops writes thousands of unclosed ones.
    if (close < from) close = next(callEnd, text, from)?.start ?? text.length;
    const name = found.match[1];
    // If a longer part of the text contains no name, a shorter one contains none either.
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
  /** Where the search continues. If absent, after the given part. */
  readonly end?: number;
}

/** One XML call, to the end if unclosed. Marks in values are data. Without parameters, marks are calls as well. */
function xmlCall(call: { name: string; text: string; from: number; close: number }): ReadCalls {
  const { name, text, from, close } = call;
  const values: [string, string][] = [];
  for (let position = from; ; ) {
    const mark = next(bodyMark, text, position);
    const parameter = mark?.match[1];
    if (mark === null || parameter === undefined) {
      const code = codeAmong(values) ?? text.slice(from, close);
      return { calls: [{ name, code, raw: null, values: Object.fromEntries(values) }], end: mark?.end ?? text.length };
    }
    const end = next(valueEnd, text, mark.end);
    values.push([parameter, text.slice(mark.end, end?.start ?? text.length)]);
    // Only its own closing mark belongs to the value. The next iteration reads the closing mark of a call.
    position = end === null ? text.length : end.match[0] === '</parameter>' ? end.end : end.start;
  }
}

/** The JSON after a `<tool_call>` mark: a call, a list of calls, or a cut one. Null if it has no name. */
function jsonCalls(raw: string): ReadCalls | null {
  // This comes first because it is cheap. Parsing thousands of marks without a name to the end of the text is not.
  const name = nameIn(raw);
  if (name === null) return null;
  const parsed = tryParse(raw);
  if (parsed !== undefined) return { calls: nativeCalls([parsed].flat()) };
  const given = /"(?:arguments|parameters)"\s*:\s*(.*)/s.exec(raw)?.[1] ?? raw;
  return { calls: [{ name, code: unescaped(given), raw: given, values: null }] };
}

/** The first complete name that is not empty, as written. */
function nameIn(raw: string): string | null {
  for (const { index, 0: mark } of raw.matchAll(/"name"\s*:\s*"/g)) {
    const start = index + mark.length;
    const end = endOfQuoted(raw, start);
    if (end === null) return null;
    if (end - 1 > start) return raw.slice(start, end - 1);
  }
  return null;
}

function next(pattern: RegExp, text: string, from: number) {
  pattern.lastIndex = from;
  const match = pattern.exec(text);
  return match === null ? null : { match, start: match.index, end: match.index + match[0].length };
}

/** Finds a mark, else the text's end. `from` grows, so the text is searched once: models repeat marks endlessly. */
export function findAhead(text: string, mark: string): (from: number) => number {
  let found = -1;
  return (from) => {
    if (found >= from) return found;
    const at = text.indexOf(mark, from);
    found = at < 0 ? text.length : at;
    return found;
  };
}
