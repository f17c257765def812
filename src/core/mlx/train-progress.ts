import { completeTrain, type Trained, type TrainSettings } from '../../events/stages/train.ts';
import { StageError } from '../errors.ts';
import { openSlope } from '../slope.ts';
import type { LogEvent } from './mlx-log.ts';

/** A step of a training, as its log or its driver reports it. */
export type TrainStep =
  | LogEvent
  /** Its speed since the last report, without validations, and the seconds of training so far, if known. */
  | {
      readonly kind: 'train';
      readonly iteration: number;
      readonly train_loss: number;
      readonly iterations_per_s: number;
      readonly worked_s: number | null;
    }
  | { readonly kind: 'start' }
  | { readonly kind: 'resumed'; readonly iteration: number }
  | { readonly kind: 'beat'; readonly phase: string; readonly iteration: number | null };

/** The progress of a training. Unknown values are null. */
export interface TrainProgress {
  readonly iteration: number | null;
  readonly of: number | null;
  /** Last train loss. */
  readonly loss: number | null;
  readonly eta_s: number | null;
  readonly val_loss: number | null;
  /** What it does where that is not an iteration. */
  readonly part: string | null;
}

/** A loss as it was reported, NaN and infinity too. */
export interface LossAt {
  readonly iteration: number;
  readonly value: number;
}

/** A training as its steps describe it. Losses that a resumed training computed again count once. */
export interface TrainCourse {
  take(step: TrainStep): TrainProgress;
  readonly progress: () => TrainProgress;
  readonly train: () => readonly LossAt[];
  readonly val: () => readonly LossAt[];
}

/** How a training is planned, as far as known. A validation follows every `steps_per_eval` and the last iteration. */
export interface TrainPlan {
  readonly iters: number | null;
  readonly steps_per_eval: number | null;
  /** After so many seconds of training it ends (`train.stop.train_minutes`). Plain `mlx_lm lora` does not do that. */
  readonly most_s: number | null;
}

/** The plan of a run's training. */
export function trainPlan(run: Trained<TrainSettings>): TrainPlan {
  const settings = completeTrain(run);
  const minutes = settings?.stop?.train_minutes;
  return {
    iters: settings?.iters ?? null,
    steps_per_eval: settings?.steps_per_eval ?? null,
    most_s: minutes === undefined ? null : 60 * minutes,
  };
}

/** Throws NAN_LOSS at the first loss that is not finite: hours of training would follow, with exit code 0. */
export function refuseNanLoss(step: TrainStep): void {
  const [name, loss] =
    step.kind === 'val' ? ['val', step.val_loss] : step.kind === 'train' ? ['train', step.train_loss] : ['', 0];
  if (Number.isFinite(loss) || !('iteration' in step)) return;
  throw new StageError('NAN_LOSS', `${name} loss is ${loss} at iteration ${step.iteration}`);
}

const parts: Readonly<Partial<Record<string, string>>> = {
  loading: 'loads the model',
  data: 'reads the data',
  replaying: 'replays the order of the examples',
  validation: 'validation',
};

/** The last validations count, so that the estimate follows a machine that becomes slower. */
const recentValidations = 10;

const upTo = (losses: readonly LossAt[], iteration: number): LossAt[] =>
  losses.filter((one) => one.iteration <= iteration);

/** The speed of the recent reports. The clock of the steps does not matter: only the time of the iterations counts. */
function openPace() {
  let [reached, tokens, at] = [0, 0, 0];
  let left = openSlope({ done: 0, at: 0 });
  const secondsOf = (step: Extract<TrainStep, { kind: 'train' }>): number =>
    'tokens' in step ? (step.tokens - tokens) / step.tokens_per_s : (step.iteration - reached) / step.iterations_per_s;
  return {
    restart(iteration: number): void {
      [reached, tokens, at] = [iteration, 0, 0];
      left = openSlope({ done: iteration, at: 0 });
    },
    take(step: Extract<TrainStep, { kind: 'train' }>): void {
      const seconds = secondsOf(step);
      if (step.iteration <= reached || !Number.isFinite(seconds) || seconds < 0) return;
      reached = step.iteration;
      at += seconds;
      if ('tokens' in step) tokens = step.tokens;
      left({ done: reached, at }, reached);
    },
    /** Seconds of the iterations that are left, or null while no speed is known. */
    left: (of: number): number | null => left({ done: reached, at }, of),
    reached: () => reached,
  };
}

interface Course {
  of: number | null;
  iteration: number | null;
  part: string | null;
  train: readonly LossAt[];
  val: readonly LossAt[];
  /** Seconds of the recent validations. */
  validated: readonly number[];
  /** Seconds of training until the last report, those before it was resumed included. Null if not known. */
  worked_s: number | null;
  /** A process began, which either resumes and so keeps what was before, or begins at iteration 1. */
  isNew: boolean;
  readonly pace: ReturnType<typeof openPace>;
}

/** Seconds that are left, with the validations that are still to come, and until the training must stop. */
function etaOf({ of, pace, validated, worked_s }: Course, { steps_per_eval, most_s }: TrainPlan): number | null {
  const iterations = of === null ? null : pace.left(of);
  if (of === null || iterations === null) return null;
  if (pace.reached() >= of) return 0;
  const every = steps_per_eval ?? Number.POSITIVE_INFINITY;
  const coming = Math.floor(of / every) - Math.floor(pace.reached() / every) + (of % every === 0 ? 0 : 1);
  const each = validated.reduce((sum, seconds) => sum + seconds, 0) / Math.max(1, validated.length);
  const allowed = worked_s === null || most_s === null ? Number.POSITIVE_INFINITY : Math.max(0, most_s - worked_s);
  return Math.round(Math.min(allowed, iterations + coming * each));
}

function keepUntil(course: Course, last: number): void {
  course.train = upTo(course.train, last);
  course.val = upTo(course.val, last);
  course.iteration = last === 0 ? null : last;
  course.isNew = false;
  course.pace.restart(last);
}

function reach(course: Course, iteration: number): void {
  if (course.isNew) keepUntil(course, 0);
  course.iteration = Math.max(course.iteration ?? 0, iteration);
  course.part = null;
}

function takeStep(course: Course, step: TrainStep): void {
  switch (step.kind) {
    case 'start':
      course.isNew = true;
      return;
    case 'resumed':
      keepUntil(course, step.iteration);
      return;
    case 'beat':
      // An iteration that has begun is not done.
      if (step.phase === 'training' && (step.iteration ?? 0) > 1) reach(course, (step.iteration ?? 0) - 1);
      course.part = parts[step.phase] ?? null;
      return;
    case 'total':
      course.of = step.of;
      return;
    case 'saved':
      reach(course, step.iteration);
      return;
    case 'val':
      reach(course, step.iteration);
      course.val = [...course.val, { iteration: step.iteration, value: step.val_loss }];
      course.validated = [...course.validated, step.took_s || 0].slice(-recentValidations);
      return;
    case 'train':
      reach(course, step.iteration);
      course.train = [...course.train, { iteration: step.iteration, value: step.train_loss }];
      course.worked_s = 'worked_s' in step ? step.worked_s : null;
      course.pace.take(step);
  }
}

/** Collects steps in order. Only what they say counts, so that steps that are read again give the same. */
export function openCourse(plan: TrainPlan): TrainCourse {
  const none = { iteration: null, part: null, train: [], val: [], validated: [], worked_s: null, isNew: false };
  const course: Course = { of: plan.iters, ...none, pace: openPace() };
  const progress = (): TrainProgress => ({
    ...{ iteration: course.iteration, of: course.of, part: course.part, eta_s: etaOf(course, plan) },
    ...{ loss: course.train.at(-1)?.value ?? null, val_loss: course.val.at(-1)?.value ?? null },
  });
  return {
    take(step) {
      takeStep(course, step);
      return progress();
    },
    progress,
    train: () => course.train,
    val: () => course.val,
  };
}
