/** Our part of a page is between these two lines. Everything else in the file belongs to its reader. */
export const beginMark = '<!-- phasebox:begin -->';
export const endMark = '<!-- phasebox:end -->';

/** A byte order mark, as text or as latin1. */
const bom = '(?:\uFEFF|\u00EF\u00BB\u00BF)?';

const yours = '<!-- Add your notes below this line. phasebox never changes them. -->';
const note =
  '> The two marks of the report were not found in the text above, so the report continues here. ' +
  'phasebox does not change the text above: keep it or delete it.';

interface Part {
  readonly start: number;
  readonly end: number;
}

/** A mark counts only if it is alone on its line. Quoted in a sentence, it is a person's text. */
function marks(text: string, mark: string): Part[] {
  const line = new RegExp(`^${bom}[ \\t]*${mark}[ \\t]*\\r?$`, 'gm');
  return [...text.matchAll(line)].map((match) => {
    const start = match.index + match[0].indexOf(mark);
    return { start, end: start + mark.length };
  });
}

/** The first pair. A begin mark whose end was deleted is skipped, so that a person's text is never inside a pair. */
function firstPair(text: string): Part | null {
  const begins = marks(text, beginMark);
  for (const { start, end } of marks(text, endMark)) {
    const begin = begins.findLast((mark) => mark.end <= start);
    if (begin !== undefined) return { start: begin.start, end };
  }
  return null;
}

/** Puts `rendered` between a page's marks, or below if there are none. Other text is unchanged, also as latin1. */
export function mergeMarked(existing: string | null, rendered: string): string {
  // a log line that quotes a mark must not end our part
  const body = rendered.replaceAll('<!-- phasebox:', '<!-- phasebox :').replace(/\n+$/, '');
  const block = `${beginMark}\n${body}\n${endMark}`;
  const text = existing ?? '';
  const pair = firstPair(text);
  if (pair !== null) return text.slice(0, pair.start) + block + text.slice(pair.end);
  if (new RegExp(`^${bom}\\s*$`).test(text)) return `${text}${block}\n\n${yours}\n`;
  return `${text}${text.endsWith('\n') ? '' : '\n'}\n${note}\n\n${block}\n\n${yours}\n`;
}
