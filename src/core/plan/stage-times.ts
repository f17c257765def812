import type { Row } from '../../events/row.ts';
import type { Run } from '../../events/run.ts';
import type { StageName } from '../../events/stages.ts';
import { mlxDefaults } from '../mlx/mlx-argv.ts';

/** A finished run and its row. */
export interface Finished {
  readonly row: Pick<Row, 'status' | 'seconds'>;
  readonly run: Pick<Run, 'model' | 'settings' | 'chain'>;
}

/** Seconds a stage may take, by earlier runs of the same model; null: none is known. `runs`: how many told. */
export interface StageTimes {
  readonly runs: number;
  readonly seconds: Partial<Record<StageName, number>>;
}

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}

/** Rows of data that a training goes through: what its time grows with. */
function steps({ settings: { train } }: Pick<Run, 'settings'>): number {
  const { iters, batch_size } = { ...mlxDefaults, ...train };
  return iters * batch_size;
}

/** Times of the stages of a run from done runs of the same model; a training's are scaled by iters x batch_size. */
export function stageTimes(run: Pick<Run, 'model' | 'settings' | 'chain'>, finished: readonly Finished[]): StageTimes {
  const alike = finished.filter(
    (one) => one.row.status === 'done' && one.run.model !== null && one.run.model.source === run.model?.source,
  );
  const seconds: Partial<Record<StageName, number>> = {};
  for (const stage of run.chain) {
    const comparable = alike.filter(
      (one) =>
        one.run.chain.includes(stage) && (stage !== 'fuse' || one.run.settings.fuse.mode === run.settings.fuse.mode),
    );
    const told = comparable.flatMap((one) => {
      const spent = one.row.seconds[stage];
      if (spent === undefined) return [];
      return [stage === 'train' ? (spent * steps(run)) / steps(one.run) : spent];
    });
    const middle = median(told);
    if (middle !== null) seconds[stage] = middle;
  }
  return { runs: alike.length, seconds };
}
