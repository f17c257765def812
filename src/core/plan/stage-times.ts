import type { Row } from '../../events/row.ts';
import type { Run } from '../../events/run.ts';
import type { Work } from '../../events/stages/stage-row.ts';
import { withDefaults } from '../../events/stages/train-defaults.ts';
import { type StageName, stages } from '../../events/stages.ts';

/** A run, as far as it decides how long its stages take. */
type TimedRun = Pick<Run, 'model' | 'settings' | 'chain' | 'train_defaults'>;

/** A finished run and its row. */
export interface Finished {
  readonly row: Pick<Row, 'status' | 'seconds'>;
  readonly run: TimedRun;
}

/**
 * Seconds that a stage may take, by earlier runs of the same model. Null if none is known. `runs` is how many were
 * used.
 */
export interface StageTimes {
  readonly runs: number;
  readonly seconds: Partial<Record<StageName, number>>;
}

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}

function workOf({ settings, train_defaults }: TimedRun): Work<Run['settings']> {
  const { iters, batch_size } = withDefaults(settings.train ?? {}, train_defaults);
  return { settings, steps: iters * batch_size };
}

/**
 * Times of the stages of a run, from done runs of the same model. The time of a training run is scaled by iters x
 * batch_size.
 */
export function stageTimes(run: TimedRun, finished: readonly Finished[]): StageTimes {
  const alike = finished.filter(
    (one) => one.row.status === 'done' && one.run.model !== null && one.run.model.source === run.model?.source,
  );
  const seconds: Partial<Record<StageName, number>> = {};
  for (const stage of run.chain) {
    const known = alike.flatMap((one) => {
      const spent = one.row.seconds[stage];
      const factor = stages[stage].timeFactor(workOf(run), workOf(one.run));
      return spent === undefined || factor === null || !one.run.chain.includes(stage) ? [] : [spent * factor];
    });
    const middle = median(known);
    if (middle !== null) seconds[stage] = middle;
  }
  return { runs: alike.length, seconds };
}
