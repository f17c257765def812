import type { TopLevelSpec } from 'vega-lite';
import { modes } from '../../events/score.ts';
import type { CategoryScore, PhaseScores, RunModes } from './plot-data.ts';
import { ink, palette, plotWidth } from './plot-look.ts';

const percentScale = { domain: [0, 100] };

/** One line per phase: a point for each run, the mean as a stroke, and its 95 % confidence interval as a bar. */
export function overallPlot(phases: readonly PhaseScores[]): TopLevelSpec {
  const names = phases.map(({ name }) => name);
  const y = { field: 'name', type: 'nominal', sort: names, title: null } as const;
  const score = { type: 'quantitative', scale: percentScale, title: 'overall, %' } as const;
  const color = { field: 'name', type: 'nominal', sort: names, legend: null } as const;
  const ranges = phases.filter(({ low, high }) => low !== null && high !== null);
  return {
    width: plotWidth,
    height: { step: 36 },
    layer: [
      {
        data: { values: ranges.map(({ name, low, high }) => ({ name, low, high })) },
        mark: { type: 'bar', height: 14, opacity: 0.3, cornerRadius: 3 },
        encoding: { y, x: { ...score, field: 'low' }, x2: { field: 'high' }, color },
      },
      {
        data: { values: phases.map(({ name, mean }) => ({ name, mean })) },
        mark: { type: 'tick', thickness: 3, size: 22, opacity: 1 },
        encoding: { y, x: { ...score, field: 'mean' }, color },
      },
      {
        data: { values: phases.flatMap(({ name, runs }) => runs.map((value) => ({ name, value }))) },
        mark: { type: 'point', filled: true, size: 55, opacity: 1, stroke: 'white', strokeWidth: 1 },
        encoding: { y, x: { ...score, field: 'value' }, color },
      },
    ],
  };
}

/** Bars in groups: one group per category, one bar per phase. */
export function categoryPlot(scores: readonly CategoryScore[]): TopLevelSpec {
  const phases = [...new Set(scores.map(({ phase }) => phase))];
  const categories = [...new Set(scores.map(({ category }) => category))];
  return {
    width: plotWidth,
    height: { step: Math.max(7, Math.min(14, 36 / phases.length)), for: 'offset' },
    data: { values: scores.map(({ phase, category, score }) => ({ phase, category, score })) },
    mark: { type: 'bar', cornerRadiusEnd: 2 },
    encoding: {
      y: { field: 'category', type: 'nominal', sort: categories, title: null },
      yOffset: { field: 'phase', type: 'nominal', sort: phases },
      x: { field: 'score', type: 'quantitative', scale: percentScale, title: 'mean of the runs, %' },
      color: { field: 'phase', type: 'nominal', sort: phases, legend: phases.length > 1 ? {} : null },
    },
  };
}

/** The same on every page: green and blue for answers that did what was asked, red and grey for failures. */
const modeColours: Readonly<Record<(typeof modes)[number], string>> = {
  wrapped: '#009e73',
  direct_call: '#56b4e9',
  wrong_tool: '#e69f00',
  prose: '#cc79a7',
  thinking: '#7a5cb8',
  cut: '#a6761d',
  empty: '#8c8c8c',
  timeout: '#d55e00',
  error: '#a3231f',
};

/** The order on the bar: from what was asked for to no answer at all. */
const modeOrder = Object.keys(modeColours) as (keyof typeof modeColours)[];

/** One bar per run: its answers by mode, as shares of all answers. */
export function modePlot(runs: readonly RunModes[]): TopLevelSpec {
  const seen = modeOrder.filter((mode) => runs.some(({ counts }) => (counts[mode] ?? 0) > 0));
  const values = runs.flatMap(({ run, counts }) => {
    const all = modes.reduce((sum, mode) => sum + (counts[mode] ?? 0), 0);
    return seen.flatMap((mode, order) => {
      const count = counts[mode] ?? 0;
      return count === 0 ? [] : [{ run, mode, order, share: (100 * count) / all }];
    });
  });
  const scale = { domain: seen, range: seen.map((mode) => modeColours[mode]) };
  return {
    width: plotWidth,
    height: { step: 24 },
    data: { values },
    mark: { type: 'bar', height: 16 },
    encoding: {
      y: { field: 'run', type: 'nominal', sort: runs.map(({ run }) => run), title: null },
      x: { field: 'share', type: 'quantitative', scale: percentScale, title: 'of all answers, %' },
      color: { field: 'mode', type: 'nominal', scale },
      order: { field: 'order', type: 'quantitative' },
    },
  };
}

/** Colour of the checkpoint scores in the loss plot. */
export const scoreColour = palette[2] ?? ink;
