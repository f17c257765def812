import type * as z from 'zod';
import { endsBy, type RunTime } from '../../core/plan/night.ts';
import { isPausedItself, isPausing, lineUp } from '../../core/run/control.ts';
import { due, heldBy, isStarted, readiness, standing } from '../../core/run/due.ts';
import { branchOf } from '../../core/run/lineage.ts';
import type { estimated } from '../../events/run.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import { type Consumer, PutBack } from '../../io/broker/consumer.ts';
import { sourceOf } from '../attempt/inputs.ts';
import { emitDue, isHeld } from '../attempt/run-stage.ts';
import { type Fetcher, startFetcher } from '../models/fetch-models.ts';
import { now, type Runtime, sharedStages } from '../runtime/runtime.ts';
import { openNightReader, placeOf } from './night.ts';

/** Starts queued runs, one at a time: the next when the previous one has its row. */
export type Admission = ReturnType<typeof startAdmission>;

/**
 * The `runs` worker is paused unless the next run may start. Its job does not name a run: the first queued one is
 * chosen from the disk, so that neither a lost nor a doubled job can change the order.
 */
export function startAdmission(runtime: Runtime) {
  const { bus, runStore } = runtime;
  let consumer: Consumer | null = null;
  const fetcher = startFetcher(runtime, () => open());
  let coolUntil = 0;
  let cooling: NodeJS.Timeout | undefined;
  const isFree = ({ busy }: Line): boolean => mayStart(runtime, busy) && performance.now() >= coolUntil;
  const admit = async (): Promise<string> => {
    await consumer?.pause();
    const next = await runtime.turn(sharedStages, async () => {
      const line = await queueOfRuns(runtime, fetcher);
      if (!isFree(line) || line.next === null) throw new PutBack();
      const estimate = await estimateOf(runtime, line.next);
      await runStore.append(line.next, { event: 'started', at: now(), ...(estimate === null ? {} : { estimate }) });
      return line.next;
    });
    runtime.notice({ kind: 'started', stored: next });
    await emitDue(runtime, next);
    return `admitted ${next.run.run}`;
  };
  const openBy = async (addJob: (nth: number) => Promise<void>): Promise<void> => {
    if (runtime.signal.aborted) return;
    const line = await queueOfRuns(runtime, fetcher);
    for (const lost of line.lost) await endWithoutSource(runtime, lost);
    if (line.next === null || !isFree(line)) return;
    await addJob(line.admissions + 1);
    consumer?.open();
  };
  const open = (): Promise<void> => openBy(bus.emitAdmission);
  const openSoon = (): void =>
    void open().catch((error: unknown) => runtime.log.error({ err: error }, 'admission failed'));
  consumer = bus.consume('runs', admit);
  return {
    /** Starts the next run if the disk shows that none is working. It can be called at any time. */
    open,
    /** The same, and checks that the job that admits the next run still exists. Throws the broker's error. */
    ensure: () => openBy(bus.ensureAdmission),
    /** Why no run without a row continues until a person acts. Null if one does, or if there is none. */
    whyStuck: () => whyStuck(runtime, fetcher),
    /** True if the deadline of this `up` leaves nothing to do: no run works, and none would be finished by then. */
    isOutOfTime: () => outOfTime(runtime, fetcher),
    /** A run has its row: the next one may start after this pause, in seconds. */
    async openAfter(pause_s: number): Promise<void> {
      if (pause_s === 0) return open();
      coolUntil = performance.now() + pause_s * 1000;
      clearTimeout(cooling);
      cooling = setTimeout(openSoon, pause_s * 1000);
    },
    close(): Promise<void> {
      clearTimeout(cooling);
      return fetcher.close();
    },
  };
}

/** Only pauses keep runs from continuing, or only held runs and those that start from them are left. */
export type Stuck = 'paused' | 'held';

/** The queue as the disk shows it. */
interface Line {
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
  /** Runs that continue on their own: a stage may begin or works, a row comes, a model is fetched. */
  readonly moving: number;
}

const mayStart = ({ control }: Runtime, busy: boolean): boolean => control.now().paused === null && !busy;

async function queueOfRuns(runtime: Runtime, models: Fetcher): Promise<Line> {
  const { runStore, rows } = runtime;
  const control = runtime.control.now();
  let [busy, moving, late, held, paused] = [false, 0, 0, 0, 0];
  const isInTime = openDeadline(runtime);
  let admissions = control.retried;
  let next: StoredRun | null = null;
  const lost: Line['lost'][number][] = [];
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
    if (heldBy(journal) !== null) {
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
    // Started runs come first in the queue. While one works, no other starts.
    else if (busy || next !== null) next ??= stored;
    else if (await isInTime(stored)) next = stored;
    else late++;
  }
  return { busy, admissions, next, late, held, paused, lost, moving };
}

const isOver = ({ until }: Runtime): boolean => until !== null && Date.now() >= until.at;

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

async function outOfTime(runtime: Runtime, models: Fetcher): Promise<boolean> {
  const { until } = runtime;
  if (until === null) return false;
  const { next, late, lost, moving } = await queueOfRuns(runtime, models);
  if (moving > 0 || lost.length > 0 || next !== null) return false;
  return late > 0 || isOver(runtime);
}

/** What the run is estimated to take, for its row. A run starts without it too. */
async function estimateOf(runtime: Runtime, { run }: StoredRun): Promise<z.infer<typeof estimated> | null> {
  try {
    const { stages, total } = (await openNightReader(placeOf(runtime)).times([run])).get(run.run) ?? {
      stages: null,
      total: null,
    };
    if (stages === null || total === null) return null;
    const seconds = Object.entries(stages).map(([stage, one]) => [stage, one.seconds]);
    return { seconds: Object.fromEntries(seconds), from: total.from };
  } catch (error) {
    runtime.log.warn({ err: error, run: run.run }, 'the time of the run could not be estimated');
    return null;
  }
}

/** Whether an admitted run continues without a person. */
async function continuesAlone(runtime: Runtime, stored: StoredRun): Promise<boolean> {
  if (runtime.busyRuns.has(stored.run.run) || !isPausing(runtime.control.now())) return true;
  const state = await runtime.runStore.state(stored);
  const next = due(state, false);
  return next !== null && !isHeld(runtime, state, next);
}

async function whyStuck(runtime: Runtime, models: Fetcher): Promise<Stuck | null> {
  const isPaused = isPausing(runtime.control.now());
  if (!isPaused && !(await hasHeld(runtime))) return null;
  const { busy, next, lost, moving, held, paused } = await queueOfRuns(runtime, models);
  if (moving > 0 || lost.length > 0 || (next !== null && mayStart(runtime, busy))) return null;
  if (held > 0 && paused === 0 && next === null) return 'held';
  return isPaused ? 'paused' : null;
}

async function hasHeld({ runStore, rows }: Runtime): Promise<boolean> {
  for (const stored of runStore.all())
    if (!rows.has(stored.run.run) && heldBy(await runStore.journal(stored)) !== null) return true;
  return false;
}

async function readinessOf(runtime: Runtime, stored: StoredRun): Promise<ReturnType<typeof readiness>> {
  const branch = branchOf(stored.run);
  return branch === null ? { kind: 'ready' } : readiness(branch, await sourceOf(runtime, branch));
}

/** A run whose source will never exist gets its row at once. */
async function endWithoutSource(runtime: Runtime, { stored, why }: Line['lost'][number]): Promise<void> {
  await runtime.runStore.append(stored, { event: 'source_failed', at: now(), message: why });
  await emitDue(runtime, stored);
}
