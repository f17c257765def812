import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { hasCode, readText, writeWhole } from '../../src/io/disk/files.ts';
import { parseLines } from './lines.ts';
import { tempDir } from './temp.ts';

/** The folder to put into PYTHONPATH: Python then imports the sitecustomize.py in it. */
const customized = resolve(import.meta.dirname, '../fixtures/train/watched');

/** A step of a training: the next one of this phase, in this iteration if one is given. */
export interface Point {
  readonly phase: 'loading' | 'data' | 'replaying' | 'training' | 'validation' | 'saving';
  readonly iteration?: number;
}

export const iterationOf = (iteration: number): Point => ({ phase: 'training', iteration });

/** A line of steps.jsonl, which test/fixtures/train/watched/watch_training.py writes. */
type Line = { readonly pid: number } & (
  | { readonly event: 'begin'; readonly cwd: string; readonly states: readonly number[] }
  | { readonly event: 'step'; readonly phase: Point['phase']; readonly iteration: number | null }
  | { readonly event: 'saved'; readonly iteration: number }
  | { readonly event: 'held' }
);

/** A process of a training. */
export interface TrainProcess {
  readonly pid: number;
  readonly cwd: string;
  /** The iteration of the newest state that it found, or 0. */
  readonly from: number;
}

/** The steps of one training, in all its processes. */
export class Watched {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<Watched> {
    const folder = join(await tempDir('watched'), 'watch');
    await mkdir(folder);
    return new Watched(folder);
  }

  /** The environment of a `python train.py` that is watched. */
  get env(): Record<string, string> {
    return { PYTHONPATH: customized, TRAINING_WATCH: this.folder };
  }

  /** Lets a process continue that has begun, to the point or to its end. */
  plan({ pid }: Pick<TrainProcess, 'pid'>, point: Point | null): Promise<void> {
    const whole = point === null ? null : { ...point, iteration: point.iteration ?? null };
    return writeWhole(join(this.folder, `${pid}.point`), JSON.stringify(whole));
  }

  /** Whether a process is at its point. */
  async isHeld({ pid }: Pick<TrainProcess, 'pid'>): Promise<boolean> {
    return (await this.#lines()).some((line) => line.event === 'held' && line.pid === pid);
  }

  /** Lets a process continue from its point. */
  release({ pid }: Pick<TrainProcess, 'pid'>): Promise<void> {
    return writeWhole(join(this.folder, `${pid}.go`), '');
  }

  /** The processes that have begun, in order. */
  async processes(): Promise<TrainProcess[]> {
    return (await this.#lines()).flatMap((line) =>
      line.event === 'begin' ? [{ pid: line.pid, cwd: line.cwd, from: line.states.at(-1) ?? 0 }] : [],
    );
  }

  /** The iterations that a process has begun. */
  async begun({ pid }: Pick<TrainProcess, 'pid'>): Promise<number[]> {
    return (await this.#lines()).flatMap((line) =>
      line.pid === pid && line.event === 'step' && line.phase === 'training' ? [line.iteration ?? 0] : [],
    );
  }

  /** A phrase for each iteration that was begun although a state of it, or of a later one, had been saved. */
  async repeated(): Promise<string[]> {
    let saved = 0;
    return (await this.#lines()).flatMap((line) => {
      if (line.event === 'begin') saved = Math.max(saved, ...line.states);
      if (line.event === 'saved') saved = Math.max(saved, line.iteration);
      if (line.event !== 'step' || line.phase !== 'training' || (line.iteration ?? 0) > saved) return [];
      return [`iteration ${line.iteration} after the state of ${saved}`];
    });
  }

  async #lines(): Promise<Line[]> {
    return parseLines<Line>(await readText(join(this.folder, 'steps.jsonl')));
  }
}

/** Kills a process, or a group by a negative pid. It may have ended by now. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}
