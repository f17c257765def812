import type { Run } from '../../events/run.ts';
import type { StageName } from '../../events/stages.ts';
import type { RunDisk } from '../mlx/estimate.ts';
import { branchOf, ownModelStage } from '../run/lineage.ts';

/** A run of the night, as far as it decides what is written. */
export interface WritingRun {
  readonly recipe: { readonly run: Pick<Run, 'run' | 'phase' | 'from' | 'chain' | 'settings'> };
  readonly committed: ReadonlySet<StageName>;
  /** The running stage, and the bytes that it has already written. */
  readonly current: { readonly stage: StageName; readonly written: number } | null;
  readonly disk: RunDisk | null;
}

/** The disk before the night. */
export interface FreeSpace {
  /** Bytes that may be written: what is free less `disk_reserve_gb`. Null if not known. */
  readonly usable: number | null;
  /** Bytes of the final model of a phase that is kept until a better one comes (`keep_model: best`), by phase. */
  readonly kept: ReadonlyMap<string, number>;
}

/** What a night leaves on the disk, in bytes. Null if the size of a model is not known. */
export interface NightDisk {
  readonly stays: number | null;
  /** The first run that does not fit, counted from 1. Null if all fit. */
  readonly shortFrom: number | null;
}

type KeepModel = Run['settings']['cleanup']['keep_model'];

/** A final model of the night. */
interface Model {
  readonly run: string;
  readonly phase: string;
  readonly bytes: number;
  readonly keep: KeepModel;
}

/** Runs each stage on paper, with what it writes and frees. `keep` replaces `cleanup.keep_model: all`. */
export function nightDisk(runs: readonly WritingRun[], space: FreeSpace, keep: KeepModel | null): NightDisk {
  let used = 0;
  let shortFrom: number | null = null;
  let isKnown = true;
  const store = openModels(runs, space.kept);
  for (const [index, one] of runs.entries()) {
    const { recipe, disk, committed, current } = one;
    isKnown &&= disk !== null;
    for (const { stage, writes, frees } of disk?.stages ?? []) {
      if (committed.has(stage)) continue;
      const open = current?.stage === stage ? Math.max(0, writes - current.written) : writes;
      if (space.usable !== null && used + open > space.usable) shortFrom ??= index + 1;
      used += open - frees;
    }
    const { run, phase, chain, settings } = recipe.run;
    const asked = settings.cleanup.keep_model;
    const model = { run, phase, bytes: disk?.final ?? 0, keep: asked === 'all' ? (keep ?? asked) : asked };
    used -= store.finish(run, ownModelStage(chain) === null ? null : model);
  }
  return { stays: isKnown ? Math.max(0, used) : null, shortFrom };
}

interface Models {
  /** A run is finished. Returns the bytes that are removed then. */
  finish(run: string, model: Model | null): number;
}

/** Final models while a night passes: of a phase with `best`, the largest stays, since no score is known yet. */
function openModels(runs: readonly WritingRun[], kept: ReadonlyMap<string, number>): Models {
  /** How many runs still read the model of a run, and which model each of these reads. */
  const readers = new Map<string, number>();
  const reads = new Map<string, string>();
  for (const { recipe } of runs) {
    const branch = branchOf(recipe.run);
    if (branch === null || branch.after === 'train' || branch.after === 'select') continue;
    readers.set(branch.run, (readers.get(branch.run) ?? 0) + 1);
    reads.set(recipe.run.run, branch.run);
  }
  const best = new Map(kept);
  let waiting: Model[] = [];
  const freed = ({ phase, bytes, keep }: Model): number => {
    if (keep === 'none') return bytes;
    const before = best.get(phase) ?? 0;
    best.set(phase, Math.max(before, bytes));
    return Math.min(before, bytes);
  };
  return {
    finish(run, model) {
      const source = reads.get(run);
      if (source !== undefined) readers.set(source, (readers.get(source) ?? 0) - 1);
      if (model !== null && model.keep !== 'all') waiting.push(model);
      const free = waiting.filter((one) => (readers.get(one.run) ?? 0) === 0);
      waiting = waiting.filter((one) => !free.includes(one));
      return free.reduce((sum, one) => sum + freed(one), 0);
    },
  };
}
