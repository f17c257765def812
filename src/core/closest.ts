/** Edits (insert, delete, replace, swap of neighbours) from one word to another: optimal string alignment. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  const cell = (row: number, column: number): number => rows[row]?.[column] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const replaced = cell(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, replaced, swapped ? cell(i - 2, j - 2) + 1 : Infinity));
    }
  }
  return cell(a.length, b.length);
}

/** The known word that a person may have meant: at most a third of it differs. */
export function closest(word: string, known: readonly string[]): string | undefined {
  const plain = word.toLowerCase();
  const ranked = known
    .map((name) => ({ name, edits: distance(plain, name.toLowerCase()) }))
    .filter(({ name, edits }) => edits <= Math.max(1, Math.floor(Math.max(name.length, word.length) / 3)))
    .sort((a, b) => a.edits - b.edits);
  return ranked[0]?.name;
}

/** `Did you mean "overall"? `, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const name = closest(word, known);
  return name === undefined ? '' : `Did you mean ${name}? `;
}
