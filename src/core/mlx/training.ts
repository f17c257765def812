import { type TrainingEvent, type TrainingFacts, trainingEvent } from '../../events/training.ts';
import { parsedOrNull } from '../json.ts';
import { plainLines, readLogLine } from './mlx-log.ts';
import type { TrainStep } from './train-progress.ts';

/** An event of python/train.py. Null for a line that is not whole, or that has nothing for phasebox. Never throws. */
export const readTrainingEvent = (line: string): TrainingEvent | null => parsedOrNull(trainingEvent, line);

/** What an event says about the course of the training, or null. */
export function stepOf(event: TrainingEvent): TrainStep | null {
  switch (event.event) {
    case 'start':
      return { kind: 'start' };
    case 'beat':
      return { kind: 'beat', phase: event.phase, iteration: event.iteration };
    case 'resumed':
      return { kind: 'resumed', iteration: event.iteration };
    case 'report': {
      const { iteration, train_loss, iterations_per_second: iterations_per_s, seconds: worked_s = null } = event;
      return { kind: 'train', iteration, train_loss, iterations_per_s, worked_s };
    }
    case 'validation':
      return { kind: 'val', iteration: event.iteration, val_loss: event.val_loss, took_s: event.val_seconds };
    default:
      return null;
  }
}

/** What the files of a training say about its course. */
export interface TrainingFiles {
  /** The text of progress.jsonl. Null if it does not exist, as after a training by phasebox 0.1. */
  readonly progress: string | null;
  readonly log: string | null;
}

/** All events of a progress.jsonl, in order. */
export const eventsOf = (progress: string | null): TrainingEvent[] =>
  (progress ?? '').split('\n').flatMap((line) => readTrainingEvent(line) ?? []);

/** Whether only the log says what happens: the last process is plain `mlx_lm lora`. */
const isPlain = (events: readonly TrainingEvent[]): boolean =>
  events.findLast(({ event }) => event === 'start' || event === 'fallback')?.event !== 'start';

/** The course of a training by its driver's events. The log is read only if plain `mlx_lm lora` trained. */
export function trainingSteps({ progress, log }: TrainingFiles): TrainStep[] {
  const events = eventsOf(progress);
  if (isPlain(events)) return plainLines(log ?? '').flatMap((line) => readLogLine(line) ?? []);
  return events.flatMap((event) => stepOf(event) ?? []);
}

/** The facts in a progress.jsonl. Null if there is none, as after a training by phasebox 0.1. */
export function factsOf(progress: string | null): TrainingFacts | null {
  const events = eventsOf(progress);
  if (events.length === 0) return null;
  const last = <E extends TrainingEvent['event']>(name: E) =>
    events.findLast((one): one is Extract<TrainingEvent, { event: E }> => one.event === name);
  const [trainable, stopped] = [last('trainable'), last('stopped')];
  const peaks = events.flatMap(peakOf).filter(Number.isFinite);
  return {
    resumed: resumedAt(events),
    stopped: stopped === undefined ? null : { iteration: stopped.iteration, reason: stopped.reason, why: stopped.why },
    fallback: isPlain(events) ? (last('fallback')?.why ?? null) : null,
    trainable: trainable === undefined ? null : { parameters: trainable.parameters, share: trainable.share },
    peak_bytes: peaks.length === 0 ? null : Math.max(...peaks),
  };
}

/** The newest two states stay, and a third is on the disk while it is written. */
const keptStates = 2;

/** Bytes of a state that was on the disk only while it was written: 0 if none of the states was removed. */
export function passingState(progress: string | null): number {
  const sizes = eventsOf(progress).flatMap((event) => (event.event === 'state' ? [event.bytes] : []));
  return sizes.length > keptStates ? Math.max(...sizes) : 0;
}

function peakOf(event: TrainingEvent): number[] {
  if (event.event === 'report') return [Math.round(event.peak_memory_gb * 1e9)];
  return event.event === 'memory' ? [event.peak_bytes] : [];
}

/** A process that trained without a state began the training again: what was resumed before it no longer counts. */
function resumedAt(events: readonly TrainingEvent[]): number[] {
  let found: number[] = [];
  let isResumed = false;
  for (const event of events) {
    if (event.event === 'start') isResumed = false;
    if (event.event === 'resumed') {
      isResumed = true;
      found = [...found, event.iteration];
    }
    if ((event.event === 'report' || event.event === 'validation') && !isResumed) found = [];
  }
  return found;
}
