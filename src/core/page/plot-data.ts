import type { Row } from '../../events/row.ts';
import type { JournalLine } from '../../events/run.ts';
import { type Mode, modes } from '../../events/score.ts';
import type { StageName } from '../../events/stages.ts';
import { figure, type Summary } from '../compare/summary.ts';
import { openCourse, type TrainStep } from '../mlx/train-progress.ts';
import { meanTable } from '../run/figures.ts';

/** A phase or variant with the overall scores of its done runs, percent. No interval below two runs. */
export interface PhaseScores {
  readonly name: string;
  readonly runs: readonly number[];
  readonly mean: number;
  readonly low: number | null;
  readonly high: number | null;
}

export interface CategoryScore {
  readonly phase: string;
  readonly category: string;
  readonly score: number;
}

export interface RunModes {
  readonly run: string;
  readonly overall: number | null;
  readonly counts: Readonly<Partial<Record<Mode, number>>>;
}

/** A value at an iteration of a training run: a loss, or a score in percent. */
export interface AtIteration {
  readonly iteration: number;
  readonly value: number;
}

/** The training of a run as its log shows it, and the scores of its checkpoints if they were measured. */
export interface TrainingCurve {
  readonly run: string;
  readonly train: readonly AtIteration[];
  readonly val: readonly AtIteration[];
  readonly scores: readonly AtIteration[];
}

/** An attempt of a stage, ISO 8601 UTC. */
export interface StageSpan {
  readonly run: string;
  readonly stage: StageName;
  readonly start: string;
  readonly end: string;
  readonly failed: boolean;
}

/** The data of all plots, in the order in which it is shown. The same data gives the same plots. */
export interface PlotData {
  readonly overall: readonly PhaseScores[];
  readonly categories: readonly CategoryScore[];
  readonly modes: readonly RunModes[];
  readonly loss: readonly TrainingCurve[];
  readonly timeline: readonly StageSpan[];
  /** The number of phases that have a score, if `overall` does not have all of them. */
  readonly phases?: number;
}

/** Overall scores of the phases that have one, as in the page's table. */
export function overallData(summaries: readonly Summary[]): PhaseScores[] {
  return summaries.flatMap(({ group, runs, mean, thisSuite }) => {
    const { low, high } = thisSuite ?? { low: null, high: null };
    return mean === null ? [] : [{ name: group.name, mean, low, high, runs: runs.map(({ overall }) => overall) }];
  });
}

/** Means over the done runs of each phase, by the scorer of its gate. */
export function categoryData(summaries: readonly Summary[]): CategoryScore[] {
  return summaries.flatMap(({ group }) => {
    const tables = group.done
      .map((row) => (row.score_by === 'strict' ? row.strict_categories : row.categories))
      .filter((known) => known !== null);
    return Object.entries(meanTable(tables)).map(([category, score]) => ({ phase: group.name, category, score }));
  });
}

/** The number of answers of each mode, for every scored run. */
export const modeData = (rows: readonly Row[]): PlotData['modes'] =>
  rows.flatMap((row) => {
    const { run, modes: counts } = row;
    return counts !== null && modes.some((mode) => counts[mode] > 0) ? [{ run, overall: figure(row), counts }] : [];
  });

/** The losses of a training, and the checkpoint scores where `select` measured them. */
export function trainingCurve(row: Row, steps: readonly TrainStep[]): TrainingCurve {
  const course = openCourse({ iters: null, steps_per_eval: null, most_s: null });
  for (const step of steps) course.take(step);
  const at = (iteration: number, value: number | null): AtIteration[] =>
    value !== null && Number.isFinite(value) ? [{ iteration, value }] : [];
  return {
    run: row.run,
    train: course.train().flatMap(({ iteration, value }) => at(iteration, value)),
    val: course.val().flatMap(({ iteration, value }) => at(iteration, value)),
    scores: (row.selection?.candidates ?? []).flatMap(({ iteration, overall }) => at(iteration, overall)),
  };
}

type Ended = Extract<JournalLine, { event: 'committed' | 'failed' }>;

/** The attempts of a run's stages. End and duration are those of the journal. */
export function stageSpans(run: string, journal: readonly JournalLine[]): StageSpan[] {
  return journal
    .filter((line): line is Ended => line.event === 'committed' || line.event === 'failed')
    .map(({ event, stage, at, seconds }) => ({
      ...{ run, stage, end: at, failed: event === 'failed' },
      start: new Date(Date.parse(at) - 1000 * seconds).toISOString(),
    }));
}
