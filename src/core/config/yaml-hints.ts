import { printable, visible } from '../printable.ts';
import { oddSpaceHint, spaceHint } from './slips.ts';

/**
 * What to type instead of a line that is not valid YAML. Null if its error is clear enough. `error` is the parser's own
 * message.
 */
export function syntaxHint(line: string, error: string): string | null {
  if (/^\s*(`{3}|~{3})/.test(line)) return 'this is a Markdown fence: delete the lines that begin with ``` or ~~~';
  if (/^ *\t/.test(line)) return 'a tab indents this line: YAML takes spaces only, type them';
  const odd = oddSpaceHint(line, 'this line');
  if (odd !== undefined) return odd;
  const text = line.trim().replace(/^- +/, '');
  if (/^Implicit (map )?keys/.test(error)) return spaceHint(text) ?? 'every line needs a key and a value: `key: value`';
  if (/^Nested mappings/.test(error)) return nested(text);
  const [, bracket] = /^Flow .* in block collection must be .* end with a (\S)$/.exec(error) ?? [];
  if (bracket !== undefined) return `close it with ${bracket}, and indent that by at least one space`;
  const [, sign = ''] = /cannot start with .* (\S)$/.exec(error) ?? [];
  return sign === '' ? null : `text that begins with ${printable(sign)} needs quotes: "${sign}..."`;
}

function nested(text: string): string {
  const [, key = '', value = ''] = /^([\w-]+): +([^"'[{].*:( .*|$))/.exec(text) ?? [];
  if (key === '') return 'the line below is indented further than this one: begin both in the same column';
  return `text with a colon and a space in it needs quotes: \`${key}: ${visible(JSON.stringify(value))}\``;
}
