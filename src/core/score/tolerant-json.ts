const stringOrBare = /"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/gs;

/**
 * JSON as Python writes it: a bare NaN or Infinity (a logprob, say) is read as null. Throws SyntaxError for anything
 * else that is no JSON.
 */
export function parseTolerant(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const plain = text.replace(stringOrBare, (found) => (found.startsWith('"') ? found : 'null'));
    if (plain === text) throw error;
    return JSON.parse(plain);
  }
}

/** Any value as JSON text; empty for what has none (undefined, or nested so deeply that the stack ends). */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return '';
    throw error;
  }
}

/** The value as an object whose keys may be read; null for anything else. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : null;
}
