import { endsBy, type RunTime } from '../../core/plan/night.ts';
import { isPausedItself, isPausing, lineUp } from '../../core/run/control.ts';
import { due, heldBy, isStarted, readiness, standing } from '../../core/run/due.ts';
import { branchOf } from '../../core/run/lineage.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import { sourceOf } from '../attempt/inputs.ts';
import { isPaused } from '../attempt/run-stage.ts';
import type { Fetcher } from '../models/fetch-models.ts';
import type { Rehearser } from '../rehearsal/rehearser.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { openNightReader, placeOf } from './night.ts';

/** What happens to a queued run before it starts. */
export interface Preparations {
  readonly models: Fetcher;
  readonly rehearser: Rehearser;
}

/** The queue as the disk shows it. */
export interface Line {
  /** Whether a started run has no row yet. */
  readonly busy: boolean;
  /** The number of admissions, which numbers the next one's job. */
  readonly admissions: number;
  readonly next: StoredRun | null;
  /** How many runs could start, but would not be finished by the deadline. */
  readonly late: number;
  /** How many runs are held by their rehearsal, and how many by a pause of their own. */
  readonly held: number;
  readonly paused: number;
  readonly lost: readonly { readonly stored: StoredRun; readonly why: string }[];
  /** Runs that continue on their own: a stage may begin or works, a row comes, a model is fetched, it is rehearsed. */
  readonly moving: number;
  /** Runs that could start if they were rehearsed. No run starts before they are. */
  readonly unrehearsed: readonly StoredRun[];
}

/** Whether pauses and a run that works allow another one to start. */
export const mayStart = ({ control }: Runtime, busy: boolean): boolean => control.now().paused === null && !busy;

/** Reads the queue. What a run waits for before it starts begins by that. */
export async function queueOfRuns(runtime: Runtime, { models, rehearser }: Preparations): Promise<Line> {
  const { runStore, rows } = runtime;
  const control = runtime.control.now();
  let [busy, moving, late, held, paused] = [false, 0, 0, 0, 0];
  const isInTime = openDeadline(runtime);
  let admissions = control.retried;
  let next: StoredRun | null = null;
  const lost: Line['lost'][number][] = [];
  const unrehearsed: StoredRun[] = [];
  for (const stored of lineUp(control, runStore.all())) {
    const hasRow = rows.has(stored.run.run);
    if (hasRow) {
      admissions++;
      continue;
    }
    const journal = await runStore.journal(stored);
    if (isStarted(journal)) {
      admissions++;
      busy = true;
    }
    if (standing(journal, hasRow) !== 'waiting') {
      if (await continuesAlone(runtime, stored)) moving++;
      else paused++;
      continue;
    }
    const ready = await readinessOf(runtime, stored);
    if (ready.kind === 'lost') lost.push({ stored, why: ready.why });
    if (ready.kind !== 'ready') continue;
    const isHeldNow = heldBy(journal) !== null;
    if (isHeldNow && !(await rehearser.isDue(stored, journal))) {
      held++;
      continue;
    }
    if (isPausedItself(control, stored.run)) {
      paused++;
      continue;
    }
    if (isOver(runtime)) {
      late++;
      continue;
    }
    // Called for every run, so that the models of later ones are fetched while earlier ones work.
    if (!(await models.ready(stored))) moving++;
    else if (isHeldNow || (await rehearser.isDue(stored, journal))) {
      if (!(await isInTime(stored))) late++;
      else if (unrehearsed.push(stored) && (control.paused === null || rehearser.isWorking())) moving++;
    }
    // Started runs come first in the queue. While one works, no other starts.
    else if (busy || next !== null) next ??= stored;
    else if (await isInTime(stored)) next = stored;
    else late++;
  }
  return { busy, admissions, next, late, held, paused, lost, moving, unrehearsed };
}

/** Whether the deadline has passed. */
export const isOver = ({ until }: Runtime): boolean => until !== null && Date.now() >= until.at;

/** Whether a run that starts now is finished by the deadline, if there is one. The night is read once, when needed. */
function openDeadline(runtime: Runtime): (stored: StoredRun) => Promise<boolean> {
  const { until } = runtime;
  let times: Promise<ReadonlyMap<string, RunTime>> | null = null;
  const read = async (): Promise<ReadonlyMap<string, RunTime>> => {
    const { times } = await openNightReader(placeOf(runtime)).night();
    return new Map(times.map((one) => [one.run, one]));
  };
  return async ({ run }) => {
    if (until === null) return true;
    times ??= read();
    const time = (await times).get(run.run);
    return time !== undefined && endsBy(time, Date.now(), until.at);
  };
}

/** Whether an admitted run continues without a person. */
async function continuesAlone(runtime: Runtime, stored: StoredRun): Promise<boolean> {
  if (runtime.busyRuns.has(stored.run.run) || !isPausing(runtime.control.now())) return true;
  const state = await runtime.runStore.state(stored);
  const next = due(state, false);
  return next !== null && !isPaused(runtime, state, next);
}

async function readinessOf(runtime: Runtime, stored: StoredRun): Promise<ReturnType<typeof readiness>> {
  const branch = branchOf(stored.run);
  return branch === null ? { kind: 'ready' } : readiness(branch, await sourceOf(runtime, branch));
}
