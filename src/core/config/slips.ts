import { stageNames } from '../../events/stages.ts';
import { printable, visible } from '../printable.ts';
import type { Path } from './problem.ts';

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
function commaHint(text: string): string | undefined {
  const number = withoutComma(text.trim());
  return number === undefined ? undefined : `a number has no comma: write ${number}`;
}

/** `800,` or `true;`, as other languages end a line. */
function lineEndHint(text: string): string | undefined {
  const [, value, sign] = /^(.*\S)\s*([,;])$/s.exec(text) ?? [];
  return value === undefined ? undefined : `YAML has no ${sign} at the end of a line: write ${value}`;
}

/** `1,2` in place of a list. */
export function listHint(seen: unknown): string | undefined {
  if (typeof seen !== 'string' || !/^\d+(\s*,\s*\d+)+$/.test(seen)) return undefined;
  return `write a list: [${seen.split(',').map(Number).join(', ')}]`;
}

/** A list of values for a setting that has one: each of the others is a variant. `path` is that of the setting. */
export function valuesHint(seen: readonly unknown[], path: Path): string | undefined {
  const [section, ...keys] = path;
  const [, other] = seen;
  if (section === undefined || seen.length < 2 || !seen.every((one) => typeof one !== 'object')) return undefined;
  if (keys.length === 0) return 'a phase has one: write a config for each of the others';
  if (section === 'variants') return 'a variant has one: write a variant for each of the others';
  if (!(stageNames as readonly string[]).includes(String(section))) return undefined;
  const inner = [...path].reverse().reduce<string>((text, key) => `{ ${key}: ${text} }`, JSON.stringify(other));
  return `a run has one value: write a variant for each of the others, such as \`variants: { b: ${inner} }\``;
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

/** What to write instead of a text that was meant as a number, a yes or a no, or a mapping. */
export function wordHint(expected: string, seen: string): string | undefined {
  if (['object', 'record'].includes(expected)) return oddSpaceHint(seen, 'it') ?? spaceHint(seen);
  if (!['boolean', 'number', 'int'].includes(expected)) return undefined;
  const common = oddSpaceHint(seen, 'it') ?? lineEndHint(seen);
  return common ?? (expected === 'boolean' ? booleanHint(seen) : numberHint(seen));
}

function booleanHint(seen: string): string | undefined {
  if (/^(true|false)$/i.test(seen)) return `write it without quotes: ${seen.toLowerCase()}`;
  if (!/^(yes|no|on|off)$/i.test(seen)) return undefined;
  return `YAML 1.2 reads ${seen} as text: write ${/^(yes|on)$/i.test(seen) ? 'true' : 'false'}`;
}

function numberHint(seen: string): string | undefined {
  const number = Number(seen.replaceAll('_', ''));
  if (seen.trim() === '' || !Number.isFinite(number)) return commaHint(seen);
  return `write it as a number, without quotes: ${number}`;
}

/** What to type instead of a line that is not valid YAML. Null if `error`, the parser's message, is clear enough. */
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

/** What people write who know another language, and what to write instead. */
const formulaWords: readonly (readonly [RegExp, string])[] = [
  [/^\s*and\b/i, 'write && for "and"'],
  [/^\s*or\b/i, 'write || for "or"'],
  [/^\s*≥/, 'write >='],
  [/^\s*≤/, 'write <='],
  [/^\s*=/, 'write == to compare'],
  [/^,\d/, 'write a decimal point, not a comma'],
  [/^\s*%/, 'leave out %: all scores are in percent'],
];

/** Operators that are written apart, reversed, or one character off. */
const signs = /[<>!=]\s+=|=\s*[<>]|[<>!=]==|<\s*>|&\s+&|\|\s+\||(?<!&)&(?!&)|(?<!\|)\|(?!\|)/g;

function meantSign(written: string): string {
  const sign = written.replaceAll(/\s/g, '');
  const turned: Readonly<Record<string, string>> = { '=>': '>=', '=<': '<=', '<>': '!=', '&': '&&', '|': '||' };
  return turned[sign] ?? sign.slice(0, 2);
}

/** @returns What was probably intended in a formula that cannot be read, or undefined if that is unknown. */
export function formulaHint(formula: string, at: number): string | undefined {
  // cel-js points after a word or sign that it could still read, so the text before the place counts as well
  const sign = [...formula.matchAll(signs)].find(({ 0: text, index }) => index <= at && at <= index + text.length);
  if (sign !== undefined) return `write ${meantSign(sign[0])}`;
  const odd = oddSpaceHint(formula.slice(at, at + 1), 'it');
  if (odd !== undefined) return odd;
  const before = formula.slice(0, at).match(/(and|or|%)\s*$/i)?.[0];
  return [formula.slice(at), before ?? ''].flatMap(
    (text) => formulaWords.find(([pattern]) => pattern.test(text))?.[1] ?? [],
  )[0];
}
