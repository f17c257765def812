import type { Run } from '../../events/run.ts';
import type { Pace } from '../../events/stages/stage-row.ts';
import { completeTrain } from '../../events/stages/train.ts';
import type { StageName } from '../../events/stages.ts';
import { elements, type ModelShape } from '../mlx/model-shape.ts';

/** What the rehearsal of a run's recipe measured. Unknown values are null. */
export interface Rehearsed {
  readonly seconds_per_iteration: number | null;
  readonly seconds_per_val_batch: number | null;
  readonly eval_tokens_per_s: number | null;
  readonly peak_bytes: number | null;
}

/** A run, as far as it decides how long its stages take. */
export type TimedRun = Pick<Run, 'model' | 'settings' | 'chain' | 'train_defaults' | 'data'>;

/** A run and what else its time follows from. Unknown values are null. */
export interface Recipe {
  readonly run: TimedRun;
  readonly shape: ModelShape | null;
  /** Prompts of its suite, and of the suite that chooses a checkpoint. */
  readonly prompts: number | null;
  readonly choosing: number | null;
  /** Rows of valid.jsonl. */
  readonly validRows: number | null;
  readonly rehearsed: Rehearsed | null;
}

/** Prompts and rows that are not known. */
const usual = { prompts: 30, validRows: 100 };
/** Tokens of a row that no `max_seq_length` cuts off. */
const usualRow = 600;
/**
 * Seconds for one token of a row and 10^9 parameters. From an Apple M-series machine: 30B-A3B 3.0 s and 14B 4.6 s for
 * rows of 573 tokens. A validation takes a third of it, since it has no backward pass.
 */
const perRowToken = 0.000_56;
/** What an iteration takes of the smallest model. */
const perIteration = 0.03;
/** Of the weights of an expert layer, so much counts: the same two models. */
const expertShare = 0.25;

interface Billions {
  readonly all: number;
  /** Those that an answer or a row needs. */
  readonly active: number;
}

const counted = new WeakMap<ModelShape, Billions>();

function billionsOf(shape: ModelShape): Billions {
  const known = counted.get(shape);
  if (known !== undefined) return known;
  let [all, active] = shape.about ? [shape.parameters, shape.parameters] : [0, 0];
  for (const weight of shape.about ? [] : shape.weights) {
    all += elements(weight);
    active += elements(weight) * (weight.shape.length > 2 ? expertShare : 1);
  }
  const found = { all: all / 1e9, active: active / 1e9 };
  counted.set(shape, found);
  return found;
}

/** The pace of a run by a rule of thumb, which depends on the size of its model. Null if that is not known. */
export function paceOf({ run, shape, prompts, choosing, validRows }: Recipe, asksBase: boolean): Pace | null {
  if (shape === null) return null;
  const { all, active } = billionsOf(shape);
  const train = completeTrain(run);
  const rowTokens = Math.min(usualRow, train?.max_seq_length ?? usualRow);
  const iteration = perIteration + (train?.batch_size ?? 1) * rowTokens * perRowToken * active;
  return {
    ...{ load: 5 + 0.4 * all, iteration, validation: iteration / 3, token: 0.002 + 0.0025 * active, billions: all },
    ...{ prompts: prompts ?? usual.prompts, choosing: choosing ?? prompts ?? usual.prompts },
    ...{ validRows: validRows ?? usual.validRows, asksBase },
  };
}

/** The pace with what a rehearsal measured. Null if it measured nothing that the stage depends on. */
export function rehearsedPace(pace: Pace, stage: StageName, rehearsed: Rehearsed | null): Pace | null {
  const { seconds_per_iteration: iteration, seconds_per_val_batch, eval_tokens_per_s: tokens } = rehearsed ?? {};
  const asks = stage === 'eval' || stage === 'select';
  if (stage === 'train' && typeof iteration === 'number')
    return { ...pace, iteration, validation: seconds_per_val_batch ?? iteration / 3 };
  if (asks && typeof tokens === 'number')
    return { ...pace, token: 1 / tokens, validation: seconds_per_val_batch ?? pace.validation };
  return null;
}
