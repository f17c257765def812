import { none } from '../format.ts';
import { printable } from '../printable.ts';

/** Characters with a meaning in Markdown (GitHub's, with math and strike-through). */
const special = /[\\`*[\]~|$]/g;

/** Characters that begin a heading, a list, a quote or a rule at the start of a line. */
const opening = /^(?:([#=+-])(?=\1*(?:\s|$))|>)/;
const numbered = /^(\d{1,9})([.)])(?=\s|$)/;

/** Text of a person or a tool as Markdown that shows it literally, on one line. It is safe in a table. */
export function asText(text: string): string {
  return (
    printable(text.replace(/\s+/g, ' ').trim())
      .replace(special, '\\$&')
      // within a word (text_tools) an underscore has no meaning
      .replace(/(?<!\w)_|_(?!\w)/g, '\\_')
      .replace(/&(?=[#\w]+;)/g, '&amp;')
      .replaceAll('<', '&lt;')
      .replace(opening, '\\$&')
      .replace(numbered, '$1\\$2')
  );
}

/**
 * A sentence of phasebox as Markdown. Its backticks mark code, everything else in it is shown literally: it may contain
 * text of a person or a tool. It is not for table cells.
 */
export function asSentence(text: string): string {
  const parts = text.split(/(?<!`)`([^`]+)`(?!`)/).map((part, index) => {
    if (index % 2 === 1) return part.trim() === '' ? asText(`\`${part}\``) : code(part);
    return `${part.match(/^\s/) ? ' ' : ''}${asText(part)}${part.match(/\s$/) ? ' ' : ''}`;
  });
  return parts.join('').trim();
}

function longestRun(text: string): number {
  return [...text.matchAll(/`+/g)].reduce((longest, [run]) => Math.max(longest, run.length), 0);
}

/** Inline code on one line. It is not for table cells, which a `|` would end. */
export function code(text: string): string {
  const line = printable(text.replace(/\s+/g, ' ').trim());
  const tick = '`'.repeat(longestRun(line) + 1);
  const pad = line.startsWith('`') || line.endsWith('`') ? ' ' : '';
  return `${tick}${pad}${line}${pad}${tick}`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours and other control codes are what it removes
const control = /\u001b\[[0-9;?]*[ -/]*[@-~]|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** A fenced block that survives any backticks inside. Line ends become LF, and control codes are removed. */
export function fence(text: string, language = 'text'): string {
  const clean = text.replace(/\r\n?/g, '\n').replace(control, '');
  const ticks = '`'.repeat(Math.max(3, longestRun(clean) + 1));
  return `${ticks}${language}\n${clean}${clean.endsWith('\n') ? '' : '\n'}${ticks}`;
}

/** Folded text. `summary` is plain text, `body` Markdown. */
export function details(summary: string, body: string): string {
  const title = summary.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<details><summary>${title}</summary>\n\n${body}\n\n</details>`;
}

/** A table whose cells are Markdown already. Columns that have only `–` in every row are left out. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const used = head.flatMap((_, column) => (rows.some((row) => (row[column] ?? none) !== none) ? [column] : []));
  const line = (cells: readonly string[]) => `| ${used.map((column) => cells[column] ?? none).join(' | ')} |`;
  return [line(head), `|${used.map(() => ' --- |').join('')}`, ...rows.map(line)].join('\n');
}
