import { StageError } from '../../core/errors.ts';
import { sizeText } from '../../core/format.ts';
import { get } from '../../core/mapping.ts';
import { isProgressBar, readLogLine } from '../../core/mlx/mlx-log.ts';
import {
  openCourse,
  refuseNanLoss,
  type TrainProgress,
  type TrainStep,
  trainPlan,
} from '../../core/mlx/train-progress.ts';
import { readTrainingEvent, stepOf } from '../../core/mlx/training.ts';
import type { Run } from '../../events/run.ts';
import { files } from '../../events/stages/mlx.ts';
import type { RunCommand } from '../../events/stages/stage-row.ts';
import { completeTrain, knownDefaults } from '../../events/stages/train.ts';
import { type TrainingEvent, trainExit } from '../../events/training.ts';
import type { StageContext } from './stage.ts';

/**
 * Runs the training, and once more from the beginning if its states belong to another one. Returns its last values.
 * Throws NAN_LOSS at the first loss that is not finite.
 */
export async function learn(context: StageContext, command: RunCommand): Promise<TrainProgress> {
  const { does: _does, ...tool } = command;
  for (const again of [false, true]) {
    const watch = watchTraining(context);
    const events = { file: files.progress, onLine: watch.onEvent };
    const code = await context
      .tool({ ...tool, again, codes: Object.values(trainExit), onLine: watch.onLine, events })
      .finally(watch.noted);
    if (code === trainExit.refused && !again) await startOver(context);
    else if (code === 0) return watch.last();
    else throw failureOf(code, watch.latest(), context.run);
  }
  throw new Error('a training that has no states cannot refuse them');
}

/** What the exit code of a training means that has not finished. */
function failureOf(code: number, latest: TrainingEvent | null, run: Run): StageError {
  switch (code) {
    case trainExit.paused:
      return new StageError('PAUSED', 'train');
    case trainExit.overMemory:
      return new StageError('OUT_OF_MEMORY', memoryText(latest, run), { isFinal: true });
    default:
      return new StageError('INTERNAL', `the training refused states that do not exist (exit code ${code})`);
  }
}

/** The peak, the limit, and what takes less memory. */
function memoryText(latest: TrainingEvent | null, run: Run): string {
  const train = completeTrain(run);
  const now = (name: string): string => `${name} (now ${get(train, name) ?? get(knownDefaults(run), name) ?? 'off'})`;
  const todo = `Change ${now('batch_size')}, ${now('max_seq_length')} or ${now('grad_checkpoint')}`;
  if (latest?.event !== 'memory') return `the training used more than its limit. ${todo}`;
  const [peak, limit] = [sizeText(latest.peak_bytes), sizeText(latest.limit_bytes)];
  return `the peak is ${peak} at iteration ${latest.iteration}, and the limit (memory_gb) is ${limit}. ${todo}`;
}

/** Removes what the next start must not use: the states, and the checkpoints of the same training. */
async function startOver(context: StageContext): Promise<void> {
  for (const name of [files.states, files.adapter, files.pause]) await context.remove(name);
}

const isForPeople = (line: string): boolean => !isProgressBar(line) && !line.startsWith('[WARNING] Some sequences');

/** Reads what the training reports: the events of the driver, or the log if plain `mlx_lm lora` runs instead. */
function watchTraining(context: StageContext) {
  const plan = trainPlan(context.run);
  const [reported, logged] = [openCourse(plan), openCourse(plan)];
  let [isPlain, latest] = [true, null as TrainingEvent | null];
  let noted: Promise<void> = Promise.resolve();
  const show = (step: TrainStep, { iteration, of, loss, eta_s, part }: TrainProgress): void => {
    refuseNanLoss(step);
    context.progress({ iteration, of, loss, eta_s, ...(part === null ? {} : { part }) });
  };
  return {
    onLine(line: string): void {
      const step = readLogLine(line);
      // mlx_lm warns for every batch with a long row, and the data check has counted those.
      if (step !== null || isForPeople(line)) context.log(line.trim());
      if (step === null) return;
      const progress = logged.take(step);
      if (isPlain) show(step, progress);
    },
    onEvent(line: string): void {
      const event = readTrainingEvent(line);
      if (event === null) return;
      if (event.event !== 'beat') latest = event;
      if (event.event === 'start') isPlain = false;
      if (event.event === 'fallback') isPlain = true;
      if (event.event === 'resumed') {
        const { iteration, time } = event;
        noted = noted.then(() => context.resumed(iteration, time));
        noted.catch(() => undefined); // thrown by `noted`
      }
      const warning = warningOf(event);
      if (warning !== null) context.warn(warning);
      const step = stepOf(event);
      if (step !== null) show(step, reported.take(step));
    },
    /** Waits until the journal has what was read. */
    noted: () => noted,
    latest: () => latest,
    last: () => (isPlain ? logged : reported).progress(),
  };
}

/** What a person must know of an event, because it changes what a resume can do. */
function warningOf(event: TrainingEvent): string | null {
  switch (event.event) {
    case 'fallback':
      return `plain \`mlx_lm lora\` trained, because the training driver does not fit this mlx_lm: ${event.why}. Such a training cannot be resumed`;
    case 'refused':
      return `the training started again at iteration 1: ${event.why}`;
    case 'damaged_state':
      return `the saved state of iteration ${event.iteration} is damaged and was not used`;
    case 'state_failed':
      return `the state of iteration ${event.iteration} could not be saved: ${event.why}`;
    default:
      return null;
  }
}
