import { escapeCharacter, printable } from './printable.ts';

/** Seconds for people: `42 s`, `4 min 10 s`, `2 h 05 min`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${seconds < 10 ? Math.round(seconds * 10) / 10 : whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** Adds an `s` unless there is one. */
export const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

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

/**
 * The UTF-8 character at a position, escaped if necessary, and its bytes. A byte that does not begin a character is
 * escaped itself.
 */
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

/** The lines of a text as one line, separated by spaces. */
export const onOneLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .join(' ');
