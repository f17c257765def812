/** Characters that a terminal or an editor acts on: controls, line separators, marks of text direction. */
const acting = /[\p{Cc}\p{Cs}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;
/** Characters that look like a space, but are not one to YAML, mlx_lm or a shell. */
const oddSpaces = /[^\S ]|[\u200b\u2060]/gu;

const escapes = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/** `\\n`, `\\x1b`, `\\u202e`. Each is computed once: a tool can write a hundred thousand of them. */
export function escapeCharacter(character: string): string {
  const known = escapes.get(character);
  if (known !== undefined) return known;
  const code = character.codePointAt(0) ?? 0;
  const hex = (digits: number): string => code.toString(16).padStart(digits, '0');
  const made = code < 0x100 ? `\\x${hex(2)}` : `\\u${hex(4)}`;
  escapes.set(character, made);
  return made;
}

/** Text on one line. Nothing in it can move the cursor of a terminal or change the direction of text. */
export const printable = (text: string): string => text.replace(acting, escapeCharacter);

/** The same for text with lines and tabs. */
export const printableLines = (text: string): string =>
  text.replace(acting, (character) =>
    character === '\n' || character === '\t' ? character : escapeCharacter(character),
  );

/** JSON that reads back the same, without characters that a terminal acts on. `indent` 0 means one line. */
export function printableJson(value: unknown, indent = 2): string {
  const text = JSON.stringify(value, null, indent);
  const unicode = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return text.replace(acting, (character) => (character === '\n' ? character : unicode(character)));
}

/** `printable` for the bytes of a file name: bytes that are not UTF-8 are escaped as well (`\xe9`). */
export function shownName(name: Uint8Array): string {
  let text = '';
  for (let at = 0; at < name.length; ) {
    const [character, length] = characterAt(name, at);
    text += character;
    at += length;
  }
  return text;
}

/** The UTF-8 character at a position, escaped if necessary, and its length. Other bytes are escaped one by one. */
function characterAt(bytes: Uint8Array, at: number): [character: string, length: number] {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  for (const length of [1, 2, 3, 4]) {
    try {
      return [printable(decoder.decode(bytes.subarray(at, at + length))), length];
    } catch {
      // Incomplete, or not a character: one more byte may complete it.
    }
  }
  return [escapeCharacter(String.fromCharCode(bytes[at] ?? 0)), 1];
}

/** A value on one line, as it would be written in a config: small numbers as `1e-5`. */
export function valueText(value: unknown): string {
  if (typeof value === 'number' && value !== 0 && Math.abs(value) < 0.001) return value.toExponential();
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}

/** One line on which every space that is not a plain one is visible. */
export const visible = (text: string): string => printable(text).replace(oddSpaces, escapeCharacter);

/** The lines of a text as one line, separated by spaces. */
export const onOneLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .join(' ');

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours consist of these control characters
const colours = /\u001b\[[0-9;]*m/g;

/** The log of a tool, without colours, and with only the final state of progress bars. */
export const printableLog = (text: string): string =>
  text.replace(colours, '').split('\r').map(printableLines).join('\r');

/** Tabs and line breaks aside: they are part of what people write in long texts. */
const inText = /[^\P{Cc}\t\n\r]|\r(?!\n)|\p{Cs}/u;
const inName = /\p{Cc}|\p{Cs}/u;

/**
 * The first character of a text that no config may hold: a control character would end a command early (NUL), move the
 * cursor of a terminal (ESC, BEL) or hide text (a lone CR), and half of a surrogate pair cannot be written as UTF-8.
 * `name`: the text is a key, where tabs and line breaks are refused too.
 */
export function refusedCharacter(text: string, name = false): { character: string; message: string } | null {
  const [character] = (name ? inName : inText).exec(text) ?? [];
  if (character === undefined) return null;
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  const place = name ? 'a key holds' : 'this text holds';
  const allowed = name ? 'keys on one line, without control characters' : 'text, tabs and line breaks';
  return { character, message: `${place} the control character U+${code}; allowed: ${allowed}` };
}
