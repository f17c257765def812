/** Tabs and line breaks aside: they are part of what people write in long texts. */
const inText = /[^\P{Cc}\t\n\r]|\r(?!\n)|\p{Cs}/u;
const inName = /\p{Cc}|\p{Cs}/u;

/**
 * The first character of a text that no config may hold: a control character would end a command early (NUL), move the
 * cursor of a terminal (ESC, BEL) or hide text (a lone CR), and half of a surrogate pair cannot be written as UTF-8.
 * `name`: the text is a key, where tabs and line breaks are refused too.
 */
export function refusedCharacter(
  text: string,
  name = false,
): { readonly character: string; readonly message: string } | null {
  const [character] = (name ? inName : inText).exec(text) ?? [];
  if (character === undefined) return null;
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  const place = name ? 'a key holds' : 'this text holds';
  const allowed = name ? 'keys on one line, without control characters' : 'text, tabs and line breaks';
  return { character, message: `${place} the control character U+${code}; allowed: ${allowed}` };
}
