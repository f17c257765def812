/**
 * Finds a mark in a text from increasing positions. The result is the text's length if there is none. The text ahead is
 * searched once: a model that loops writes a hundred thousand marks without the closing one.
 */
export function findAhead(text: string, mark: string): (from: number) => number {
  let found = -1;
  return (from) => {
    if (found >= from) return found;
    const at = text.indexOf(mark, from);
    found = at < 0 ? text.length : at;
    return found;
  };
}

/** Where the double-quoted text that begins at `from` ends: after its closing quote. Null if there is none. */
export function endOfQuoted(text: string, from: number): number | null {
  for (let quote = text.indexOf('"', from); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0;
    while (quote - slashes > from && text[quote - slashes - 1] === '\\') slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
  }
  return null;
}
