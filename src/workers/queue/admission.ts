import type * as z from 'zod';
import type { RunDraft } from '../../core/config/lookups.ts';
import { isPausing } from '../../core/run/control.ts';
import { heldBy } from '../../core/run/due.ts';
import type { estimated } from '../../events/run.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import { type Consumer, PutBack } from '../../io/broker/consumer.ts';
import { emitDue } from '../attempt/run-stage.ts';
import { startFetcher } from '../models/fetch-models.ts';
import { startRehearser } from '../rehearsal/rehearser.ts';
import { now, type Runtime, sharedStages } from '../runtime/runtime.ts';
import { isOver, type Line, mayStart, type Preparations, queueOfRuns } from './line.ts';
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
  const before: Preparations = {
    models: startFetcher(runtime, () => open()),
    rehearser: startRehearser(runtime, { onChange: () => open(), trainSeconds: (runs) => trainSeconds(runtime, runs) }),
  };
  let coolUntil = 0;
  let cooling: NodeJS.Timeout | undefined;
  const isFree = ({ busy, unrehearsed }: Line): boolean =>
    mayStart(runtime, busy) && unrehearsed.length === 0 && performance.now() >= coolUntil;
  const admit = async (): Promise<string> => {
    await consumer?.pause();
    const next = await runtime.turn(sharedStages, async () => {
      const line = await queueOfRuns(runtime, before);
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
    const line = await queueOfRuns(runtime, before);
    for (const lost of line.lost) await endWithoutSource(runtime, lost);
    await before.rehearser.begin(line.unrehearsed, runtime.control.now().paused === null);
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
    whyStuck: () => whyStuck(runtime, before),
    /** True if the deadline of this `up` leaves nothing to do: no run works, and none would be finished by then. */
    isOutOfTime: () => outOfTime(runtime, before),
    /** A run has its row: the next one may start after this pause, in seconds. */
    async openAfter(pause_s: number): Promise<void> {
      if (pause_s === 0) return open();
      coolUntil = performance.now() + pause_s * 1000;
      clearTimeout(cooling);
      cooling = setTimeout(openSoon, pause_s * 1000);
    },
    async close(): Promise<void> {
      clearTimeout(cooling);
      await Promise.all([before.models.close(), before.rehearser.close()]);
    },
  };
}

/** Only pauses keep runs from continuing, or only held runs and those that start from them are left. */
export type Stuck = 'paused' | 'held';

async function outOfTime(runtime: Runtime, before: Preparations): Promise<boolean> {
  const { until } = runtime;
  if (until === null) return false;
  const { next, late, lost, moving } = await queueOfRuns(runtime, before);
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

async function whyStuck(runtime: Runtime, before: Preparations): Promise<Stuck | null> {
  const isPaused = isPausing(runtime.control.now());
  if (!isPaused && !(await hasHeld(runtime))) return null;
  const { busy, next, lost, moving, held, paused, unrehearsed } = await queueOfRuns(runtime, before);
  if (moving > 0 || lost.length > 0 || (next !== null && mayStart(runtime, busy))) return null;
  if (held > 0 && paused === 0 && next === null && unrehearsed.length === 0) return 'held';
  return isPaused ? 'paused' : null;
}

async function hasHeld({ runStore, rows }: Runtime): Promise<boolean> {
  for (const stored of runStore.all())
    if (!rows.has(stored.run.run) && heldBy(await runStore.journal(stored)) !== null) return true;
  return false;
}

/** A run whose source will never exist gets its row at once. */
async function endWithoutSource(runtime: Runtime, { stored, why }: Line['lost'][number]): Promise<void> {
  await runtime.runStore.append(stored, { event: 'source_failed', at: now(), message: why });
  await emitDue(runtime, stored);
}

/** The estimated seconds of each training. Runs of whose model nothing is known are left out. */
async function trainSeconds(runtime: Runtime, runs: readonly RunDraft[]): Promise<Map<string, number>> {
  const times = await openNightReader(placeOf(runtime)).times(runs);
  return new Map([...times].flatMap(([run, { stages }]) => (stages?.train ? [[run, stages.train.seconds]] : [])));
}
