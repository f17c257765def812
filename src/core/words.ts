import { escapeCharacter, printable } from './printable.ts';

/** Seconds as a person says them: `42 s`, `4 min 10 s`, `2 h 05 min`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${seconds < 10 ? Math.round(seconds * 10) / 10 : whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** `s` unless there is one. */
export const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

/** `printable` of a file name by its bytes: those that are not UTF-8 are escaped as well (`\xe9`). */
export function shownName(name: Uint8Array): string {
  let text = '';
  for (let at = 0; at < name.length; ) {
    const [character, length] = characterAt(name, at);
    text += character;
    at += length;
  }
  return text;
}

/** The UTF-8 character at a place, escaped where it must be, and its bytes; a byte that begins none is escaped itself. */
function characterAt(bytes: Uint8Array, at: number): [character: string, length: number] {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  for (const length of [1, 2, 3, 4]) {
    try {
      return [printable(decoder.decode(bytes.subarray(at, at + length))), length];
    } catch {
      // Not whole, or no character: one byte more may make it one.
    }
  }
  return [escapeCharacter(String.fromCharCode(bytes[at] ?? 0)), 1];
}

/** Lines of a text as one, a space between them. */
export const onOneLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .join(' ');
