import type { LogEvent } from './mlx-log.ts';

/** What the log has shown so far. Unknown values are null. */
export interface TrainProgress {
  readonly iteration: number | null;
  readonly of: number | null;
  /** Last train loss. */
  readonly loss: number | null;
  readonly eta_s: number | null;
  readonly val_loss: number | null;
}

interface Point {
  readonly iteration: number;
  readonly at: number;
}

/** Reports closer together than this (ms) come from one read of the log, so they say nothing about speed. */
const oneRead_ms = 250;
const window = 10;

function withPoint(points: readonly Point[], point: Point): readonly Point[] {
  const last = points.at(-1);
  if (last && point.iteration <= last.iteration) return points;
  const kept = last && point.at - last.at < oneRead_ms ? points.slice(0, -1) : points;
  return [...kept, point].slice(-window);
}

/** Seconds that are left at the speed of the last reports, validation included. */
function eta(points: readonly Point[], of: number | null): number | null {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || of === null || last.iteration === first.iteration) return null;
  const msPerIteration = (last.at - first.at) / (last.iteration - first.iteration);
  return Math.max(0, Math.round(((of - last.iteration) * msPerIteration) / 1000));
}

/** Adds up events in order. `of`: planned iterations, if known. `at` (ms): the caller's clock, from any origin. */
export function trainProgress(of: number | null): (event: LogEvent, at: number) => TrainProgress {
  let points: readonly Point[] = [];
  let state: TrainProgress = { iteration: null, of, loss: null, eta_s: null, val_loss: null };
  return (event, at) => {
    if (event.kind === 'total') state = { ...state, of: event.of };
    else {
      points = withPoint(points, { iteration: event.iteration, at });
      const report = points.at(-1)?.iteration ?? event.iteration;
      state = { ...state, iteration: report, eta_s: eta(points, state.of) };
    }
    if (event.kind === 'train') state = { ...state, loss: event.train_loss };
    if (event.kind === 'val') state = { ...state, val_loss: event.val_loss };
    return state;
  };
}
