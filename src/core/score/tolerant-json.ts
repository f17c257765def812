import { isMapping, type Mapping } from '../mapping.ts';

const bare = /-?\b(?:NaN|Infinity)\b/g;

/** JSON as Python writes it: bare NaN and Infinity (as in logprobs) are null. Throws SyntaxError for other text. */
export function parseTolerant(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const plain = withoutBareNumbers(text);
    if (plain === text) throw error;
    return JSON.parse(plain);
  }
}

/** No regular expression: 10 MB of text overflow its stack, and unclosed quotes take quadratic time. */
function withoutBareNumbers(text: string): string {
  const parts: string[] = [];
  for (let from = 0; ; ) {
    const quote = text.indexOf('"', from);
    const end = quote < 0 ? null : endOfQuoted(text, quote + 1);
    parts.push(text.slice(from, quote < 0 ? undefined : quote).replace(bare, 'null'));
    if (quote < 0 || end === null) return parts.join('') + (quote < 0 ? '' : text.slice(quote));
    parts.push(text.slice(quote, end));
    from = end;
  }
}

/** Any value as JSON text. Empty if it has none (undefined, or nested more deeply than the stack allows). */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return '';
    throw error;
  }
}

/** The value as an object whose keys may be read, or null for anything else. */
export const asObject = (value: unknown): Mapping | null => (isMapping(value) ? value : null);

/** Where the double-quoted text that begins at `from` ends: after its closing quote. Null if there is none. */
export function endOfQuoted(text: string, from: number): number | null {
  for (let quote = text.indexOf('"', from); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0;
    while (quote - slashes > from && text[quote - slashes - 1] === '\\') slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
  }
  return null;
}
