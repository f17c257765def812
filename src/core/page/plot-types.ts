import type { Mode } from '../../events/score.ts';
import type { StageName } from '../../events/stages.ts';

/**
 * A phase (or one of its variants) with the overall scores of its done runs, in percent. `low` and `high` are null
 * below two runs.
 */
export interface PhaseScores {
  readonly name: string;
  readonly runs: readonly number[];
  readonly mean: number;
  readonly low: number | null;
  readonly high: number | null;
}

/** Mean score of a category over the done runs of a phase, percent. */
export interface CategoryScore {
  readonly phase: string;
  readonly category: string;
  readonly score: number;
}

/** How many of a run's answers had which mode. */
export interface RunModes {
  readonly run: string;
  readonly overall: number | null;
  readonly counts: Readonly<Partial<Record<Mode, number>>>;
}

/** A value at an iteration of a training: a loss, or a score in percent. */
export interface AtIteration {
  readonly iteration: number;
  readonly value: number;
}

/**
 * The training of a run as its log shows it, and the scores of its checkpoints, which are empty if they were not
 * measured.
 */
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
