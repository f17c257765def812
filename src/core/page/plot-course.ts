import type { TopLevelSpec } from 'vega-lite';
import { stageNames } from '../../events/stages.ts';
import type { StageSpan, TrainingCurve } from './plot-data.ts';
import { palette, plotWidth } from './plot-look.ts';
import { scoreColour } from './plot-scores.ts';

const ofIteration = { field: 'iteration', type: 'quantitative', title: 'iteration', axis: { tickCount: 4 } } as const;

interface Colours {
  readonly domain: string[];
  readonly range: string[];
}

const layerOf = <M, Y>(field: 'loss' | 'score', scale: Colours, { mark, y }: { mark: M; y: Y }) => ({
  transform: [{ filter: `isValid(datum.${field})` }],
  mark,
  encoding: {
    x: ofIteration,
    y: { field, type: 'quantitative' as const, ...y },
    color: { field: 'kind', type: 'nominal' as const, scale },
  },
});

/** One scale for all runs, so that they can be compared. */
const lossLayer = (scale: Colours, most: number) =>
  layerOf('loss', scale, {
    mark: { type: 'line' as const, strokeWidth: 1.5 },
    y: { scale: { domain: [0, most], nice: true }, title: 'loss', axis: { tickCount: 4 } },
  });

const scoreLayer = (scale: Colours) =>
  layerOf('score', scale, {
    mark: { type: 'point' as const, shape: 'diamond', filled: true, size: 80, opacity: 1 },
    y: {
      scale: { domain: [0, 100] },
      title: 'score, %',
      axis: { tickCount: 4, orient: 'right' as const, grid: false },
    },
  });

const trainLoss = 'train loss';
const valLoss = 'val loss, as logged';
const checkpointScore = 'checkpoint score, %';

const valuesOf = ({ train, val, scores }: TrainingCurve) => [
  ...train.map(({ iteration, value }) => ({ iteration, loss: value, kind: trainLoss })),
  ...val.map(({ iteration, value }) => ({ iteration, loss: value, kind: valLoss })),
  ...scores.map(({ iteration, value }) => ({ iteration, score: value, kind: checkpointScore })),
];

/** One small plot per run: losses over the iterations, and checkpoint scores on their own axis at the right. */
export function lossPlot(curves: readonly TrainingCurve[]): TopLevelSpec {
  const columns = curves.length === 1 ? 1 : 2;
  const most = curves
    .flatMap(({ train, val }) => [...train, ...val])
    .reduce((max, { value }) => Math.max(max, value), 0);
  const scored = curves.some(({ scores }) => scores.length > 0);
  const scale = {
    domain: [trainLoss, valLoss, ...(scored ? [checkpointScore] : [])],
    range: [palette[0] ?? '', palette[1] ?? '', scoreColour],
  };
  return {
    columns,
    // not a facet, which cannot give the scores an axis of their own
    concat: curves.map((curve) => ({
      title: curve.run,
      data: { values: valuesOf(curve) },
      width: columns === 1 ? plotWidth : plotWidth / 2 - (scored ? 30 : 10),
      height: 120,
      layer: curve.scores.length > 0 ? [lossLayer(scale, most), scoreLayer(scale)] : [lossLayer(scale, most)],
      resolve: { scale: { y: 'independent' } },
    })),
  };
}

/** A longer break separates two nights. */
const pause_ms = 6 * 3_600_000;

/** The work since the last break of more than six hours, in its order. */
export function lastNight<T extends Pick<StageSpan, 'start' | 'end'>>(spans: readonly T[]): readonly T[] {
  const latest = [...spans].sort((a, b) => Date.parse(b.start) - Date.parse(a.start));
  let since = Number.POSITIVE_INFINITY;
  for (const { start, end } of latest) {
    if (since - Date.parse(end) > pause_ms && since !== Number.POSITIVE_INFINITY) break;
    since = Math.min(since, Date.parse(start));
  }
  return spans.filter(({ start }) => Date.parse(start) >= since);
}

/** One line per run: its stages from start to end. A failed attempt is hatched in red. Times are UTC. */
export function timelinePlot(spans: readonly StageSpan[]): TopLevelSpec {
  const runs = [...new Set(spans.map(({ run }) => run))];
  const seen = stageNames.filter((stage) => spans.some((span) => span.stage === stage));
  const failed = spans.some((span) => span.failed) ? ['failed attempt'] : [];
  const colours = [palette[0], palette[7], palette[1], palette[8], palette[6], palette[2]];
  const values = spans.map(({ run, stage, start, end, failed: lost }) => ({
    run,
    kind: lost ? 'failed attempt' : stage,
    // a stage of one second would be narrower than a pixel, and invisible
    start: Date.parse(start),
    end: Math.max(Date.parse(end), Date.parse(start) + 1000),
  }));
  const range = seen.map((stage) => colours[stageNames.indexOf(stage) % colours.length] ?? '');
  const scale = { domain: [...seen, ...failed], range: [...range, ...failed.map(() => '#d55e00')] };
  return {
    width: plotWidth,
    height: { step: 24 },
    data: { values },
    mark: { type: 'bar', height: 14 },
    encoding: {
      y: { field: 'run', type: 'nominal', sort: runs, title: null },
      x: {
        field: 'start',
        type: 'temporal',
        scale: { type: 'utc', nice: false },
        axis: { format: '%H:%M', tickCount: 6, labelOverlap: true },
        title: `${spans[0]?.start.slice(0, 10) ?? ''}, UTC`,
      },
      x2: { field: 'end' },
      color: { field: 'kind', type: 'nominal', scale },
    },
  };
}
