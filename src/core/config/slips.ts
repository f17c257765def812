import { visible } from '../printable.ts';

/** `1,000`, `12,345.6`: groups of three. */
const thousands = /^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$/;
/** `1,5e-4`. */
const decimal = /^[+-]?\d+,\d+(e[+-]?\d+)?$/i;

/** What to write instead of a number with a comma in it. Undefined if it is not one. */
export function withoutComma(text: string): string | undefined {
  if (thousands.test(text)) return text.replaceAll(',', '');
  return decimal.test(text) ? text.replace(',', '.') : undefined;
}

/** `1,000` in the place of a number. */
export function commaHint(text: string): string | undefined {
  const number = withoutComma(text.trim());
  return number === undefined ? undefined : `a number has no comma: write ${number}`;
}

/** `800,` or `true;`, as other languages end a line. */
export function lineEndHint(text: string): string | undefined {
  const [, value, sign] = /^(.*\S)\s*([,;])$/s.exec(text) ?? [];
  return value === undefined ? undefined : `YAML has no ${sign} at the end of a line: write ${value}`;
}

/** `1,2` in place of a list. */
export function listHint(seen: unknown): string | undefined {
  if (typeof seen !== 'string' || !/^\d+(\s*,\s*\d+)+$/.test(seen)) return undefined;
  return `write a list: [${seen.split(',').map(Number).join(', ')}]`;
}

/** The parts of `iters:800`, where YAML sees one word. Null for any other word. */
export function unspaced(text: string): { readonly key: string; readonly value: string } | null {
  const [, key = '', value = ''] = /^([\w-]+):([^\s:/].*)$/s.exec(text) ?? [];
  return key === '' ? null : { key, value };
}

/** What to write instead of `iters:800 batch_size:1`. */
export function spaceHint(text: string): string | undefined {
  const [first = ''] = text.trim().split(/\s+/);
  const parts = unspaced(first);
  return parts === null ? undefined : `write a space after the colon: \`${parts.key}: ${parts.value}\``;
}

/** For a bare entry that is not a name: a name could be shown with a value after it. */
export function nameHint(text: string): string | undefined {
  const [, key, value = ''] = /^([\w-]+)\s*:\s+(\S.*)$/s.exec(text) ?? [];
  if (key !== undefined) return `quotes make one word of it: write \`${key}: ${visible(value)}\``;
  return /^[\w.-]+$/.test(text) ? undefined : 'every entry needs a key and a value: `key: value`';
}

const spaceNames: Readonly<Record<string, string>> = { '\u00a0': 'a non-breaking space', '\t': 'a tab' };

/** A character that only looks like a space. `where` names the text that contains it. */
export function oddSpaceHint(text: string, where: string): string | undefined {
  const [odd] = /[^\S \r\n]|[\u200b\u2060\ufeff]/u.exec(text) ?? [];
  if (odd === undefined) return undefined;
  return `there is ${spaceNames[odd] ?? 'an unusual space'} (${visible(odd)}) in ${where}: type a plain one, or none`;
}
