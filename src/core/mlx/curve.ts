import { type CsvValue, csvLine } from '../csv.ts';
import { openCourse } from './train-progress.ts';
import { eventsOf, type TrainingFiles, trainingSteps } from './training.ts';

/** A loss of a training, with what was reported together with it. Unknown values are null. */
export interface CurvePoint {
  readonly kind: 'train' | 'val';
  readonly iteration: number;
  readonly loss: number;
  readonly learning_rate: number | null;
  readonly tokens_per_second: number | null;
  readonly iterations_per_second: number | null;
  readonly peak_memory_bytes: number | null;
  /** Seconds of training until then. */
  readonly seconds: number | null;
}

type Reported = Omit<CurvePoint, 'kind' | 'iteration' | 'loss'>;

const unreported: Reported = {
  ...{ learning_rate: null, tokens_per_second: null, iterations_per_second: null },
  ...{ peak_memory_bytes: null, seconds: null },
};

/** The curve of a training, in the order of its iterations. What a resumed training computed again is there once. */
export function trainingCurvePoints(files: TrainingFiles): CurvePoint[] {
  const steps = trainingSteps(files);
  const course = openCourse({ iters: null, steps_per_eval: null, most_s: null });
  for (const step of steps) course.take(step);
  const reported = new Map<number, Reported>();
  for (const event of eventsOf(files.progress))
    if (event.event === 'report')
      reported.set(event.iteration, {
        learning_rate: event.learning_rate ?? null,
        tokens_per_second: event.tokens_per_second ?? null,
        iterations_per_second: event.iterations_per_second,
        peak_memory_bytes: Math.round(event.peak_memory_gb * 1e9),
        seconds: event.seconds ?? null,
      });
  // Plain `mlx_lm lora` reports in the log only, also where the driver had begun.
  for (const step of steps)
    if (step.kind === 'train' && 'tokens' in step)
      reported.set(step.iteration, { ...unreported, tokens_per_second: step.tokens_per_s });
  const train = course.train().map(({ iteration, value }): CurvePoint => {
    return { kind: 'train', iteration, loss: value, ...(reported.get(iteration) ?? unreported) };
  });
  const val = course.val().map(({ iteration, value }): CurvePoint => {
    return { kind: 'val', iteration, loss: value, ...unreported };
  });
  return [...train, ...val].sort((a, b) => a.iteration - b.iteration);
}

const columns = [
  ...(['kind', 'iteration', 'loss', 'learning_rate', 'tokens_per_second', 'iterations_per_second'] as const),
  ...(['peak_memory_bytes', 'seconds'] as const),
] satisfies readonly (keyof CurvePoint)[];

/** The first line of the curves as CSV. The names are a contract: programs read them. */
export const curveHeader: string = csvLine(['run', 'phase', ...columns]);

/** The curve of a run as lines of CSV. */
export const curveLines = ({ run, phase }: { readonly run: string; readonly phase: string }, files: TrainingFiles) =>
  trainingCurvePoints(files)
    .map((point) => csvLine([run, phase, ...columns.map((name): CsvValue => point[name])]))
    .join('');
