import { oddSpaceHint } from './slips.ts';

/** What people write who know another language, and what to write instead. */
const words: readonly (readonly [RegExp, string])[] = [
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
    (text) => words.find(([pattern]) => pattern.test(text))?.[1] ?? [],
  )[0];
}
