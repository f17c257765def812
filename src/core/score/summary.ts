import { type Mode, modes, type Score } from '../../events/score.ts';

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const percent = (share: number): number => Math.min(100, 100 * share);

function grouped<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}

/** A prompt's score is the mean of its repeats, categories and overall are means of prompts, modes count answers. */
export function summarize(
  prompts: readonly { readonly id: string; readonly category: string }[],
  judged: Score['prompts'],
): Score {
  const answers = grouped(judged, ({ id }) => id);
  const means = prompts.map(({ id, category }) => {
    const own = answers.get(id) ?? [];
    return { id, category, score: mean(own.map((one) => one.score)), strict: mean(own.map((one) => one.strict)) };
  });
  const categories = [...grouped(means, ({ category }) => category)];
  const inEach = <T>(value: (own: readonly (typeof means)[number][]) => T): Record<string, T> =>
    Object.fromEntries(categories.map(([category, own]) => [category, value(own)]));
  return {
    overall: percent(mean(means.map((one) => one.score))),
    strict: percent(mean(means.map((one) => one.strict))),
    categories: inEach((own) => percent(mean(own.map((one) => one.score)))),
    strict_categories: inEach((own) => percent(mean(own.map((one) => one.strict)))),
    modes: countModes(judged),
    category_modes: inEach((own) => countModes(own.flatMap(({ id }) => answers.get(id) ?? []))),
    prompts: judged,
  };
}

function countModes(judged: Score['prompts']): Score['modes'] {
  const count = (mode: Mode): number => judged.filter((one) => one.mode === mode).length;
  return Object.fromEntries(modes.map((mode) => [mode, count(mode)])) as Score['modes'];
}
