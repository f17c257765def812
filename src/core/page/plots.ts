import type { TopLevelSpec } from 'vega-lite';
import { lastNight, lossPlot, timelinePlot } from './plot-course.ts';
import type { CategoryScore, PlotData, StageSpan } from './plot-data.ts';
import { look } from './plot-look.ts';
import { categoryPlot, modePlot, overallPlot } from './plot-scores.ts';
import { latestAndBest, mostShown, shownText } from './shown.ts';

/** The plots of the page and their files, relative to artifacts/. */
export const plotNames = {
  overall: 'plots/overall.svg',
  categories: 'plots/categories.svg',
  modes: 'plots/modes.svg',
  loss: 'plots/loss.svg',
  timeline: 'plots/timeline.svg',
} as const;
export type PlotName = keyof typeof plotNames;

/** What each plot shows, in one sentence: the alternative text. */
export const plotTitles: Readonly<Record<PlotName, string>> = {
  overall: 'Overall score of every run, with the mean of each phase and its 95 % confidence interval',
  categories: 'Mean score of each category, by phase',
  modes: 'Modes of the answers of each run, in percent of all its answers',
  loss: 'Loss curves of the most recent training runs (up to 24), with the scores of checkpoints where they were measured',
  timeline: 'Stages of the most recent runs over time (up to 24)',
};

/** The bars of more phases than colors would be indistinguishable. */
const mostBars = 4;

function latestRuns(spans: readonly StageSpan[]): readonly StageSpan[] {
  const runs = [...new Set(spans.map(({ run }) => run))].slice(-mostShown);
  return spans.filter(({ run }) => runs.includes(run));
}

function categoriesShown({ overall, categories }: PlotData): readonly CategoryScore[] {
  const scored = new Map(overall.map(({ name, mean }) => [name, mean]));
  const names = [...new Set(categories.map(({ phase }) => phase))];
  const shown = new Set(latestAndBest(names, (name) => scored.get(name) ?? null, mostBars));
  return names.length <= 2 * mostBars ? categories : categories.filter(({ phase }) => shown.has(phase));
}

const countOf = (scores: readonly CategoryScore[]): number => new Set(scores.map(({ phase }) => phase)).size;

/** The plots that have data, as Vega-Lite specifications: of many phases and runs, the latest and the best. */
export function plotSpecs(data: PlotData): Map<PlotName, TopLevelSpec> {
  const overall = latestAndBest(data.overall, ({ mean }) => mean);
  const categories = categoriesShown(data);
  const modes = latestAndBest(data.modes, ({ overall: score }) => score);
  const loss = data.loss.filter(({ train, val }) => train.length + val.length > 0).slice(-mostShown);
  const timeline = latestRuns(lastNight(data.timeline));
  const phases = data.phases ?? data.overall.length;
  const bars = shownText(countOf(categories), Math.max(phases, countOf(data.categories)), 'phases', mostBars);
  const plots: readonly (readonly [name: PlotName, shown: number, spec: () => TopLevelSpec, left: string])[] = [
    ['overall', overall.length, () => overallPlot(overall), shownText(overall.length, phases, 'phases')],
    ['categories', categories.length, () => categoryPlot(categories), bars],
    ['modes', modes.length, () => modePlot(modes), shownText(modes.length, data.modes.length, 'runs')],
    ['loss', loss.length, () => lossPlot(loss), ''],
    ['timeline', timeline.length, () => timelinePlot(timeline), ''],
  ];
  return new Map(
    plots.flatMap(([name, shown, spec, left]) => {
      const description = left === '' ? plotTitles[name] : `${plotTitles[name]}. ${left}`;
      return shown === 0 ? [] : [[name, { config: look, description, ...spec() } as TopLevelSpec] as const];
    }),
  );
}
