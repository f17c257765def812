import type { CategoryContrast, Contrast } from '../compare/contrast.ts';
import { none, percent } from '../format.ts';
import { unrecordedText } from '../score/measured.ts';
import { asText, code, details, table } from './markdown.ts';
import { categoryP, findingText, findingWords, type Names, signed, spreadText } from './report-words.ts';

function categoryTable(categories: readonly CategoryContrast[], names: Names): string {
  return table(
    ['category', names.a, names.b, `prompts: ${names.a} higher / lower / same`, 'p (Holm-adjusted)'],
    categories.map((one) => [
      asText(one.name),
      percent(one.a),
      percent(one.b),
      one.fixed + one.regressed + one.same === 0 ? none : `${one.fixed} / ${one.regressed} / ${one.same}`,
      categoryP(one),
    ]),
  );
}

function promptLists({ prompts }: Contrast, name: string): string {
  const shown = (ids: readonly string[]) => (ids.length === 0 ? 'none' : ids.map(asText).join(', '));
  return [
    `- ${name} scores higher (${prompts.fixed.length}): ${shown(prompts.fixed)}`,
    `- ${name} scores lower (${prompts.regressed.length}): ${shown(prompts.regressed)}`,
    `- same: ${prompts.same}`,
  ].join('\n');
}

function lines({ finding, spread }: Contrast, names: Names): string {
  if (finding.kind === 'nothing') return `${findingWords(finding, names)}.`;
  const from =
    spread === null || finding.kind === 'pairs' || finding.kind === 'flat'
      ? ''
      : spreadText(spread, spread.from.map(asText));
  const head = `**${names.a} - ${names.b} = ${signed(finding.difference)} points.**`;
  return [head, findingText(finding, names), from].filter((text) => text !== '').join(' ');
}

/** `a - b` in words, with its range. Categories and prompts are folded below it. */
export function contrastText(contrast: Contrast): string {
  const { a, b, alike, measured, categories, prompts } = contrast;
  const names = { a: asText(a.group.name), b: asText(b.group.name) };
  if (!alike) {
    const runs = [a, b].map(({ runs: [first] }) => first?.run ?? '').join(' ');
    return `${names.a} and ${names.b} were not measured alike, so no difference is reported. ${code(`phasebox diff ${runs}`)} shows what differs.`;
  }
  const caveats = measured.unrecorded.map((one) => `${asText(unrecordedText(one))}.`);
  const behind = [
    ...(categories.length === 0 ? [] : [categoryTable(categories, names)]),
    ...(prompts.differences.size === 0 ? [] : [promptLists(contrast, names.a)]),
  ];
  const summary = `${a.group.name} vs. ${b.group.name}: categories and prompts`;
  return [
    [lines(contrast, names), ...caveats].join(' '),
    ...(behind.length === 0 ? [] : [details(summary, behind.join('\n\n'))]),
  ].join('\n\n');
}
