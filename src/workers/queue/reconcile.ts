import { type Refusal, refusalOf, silenceOf } from '../../core/broker/refusal.ts';
import { type Due, due, standing } from '../../core/run/due.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import { isReply, NoAnswer } from '../../io/broker/broker-probe.ts';
import { isPaused } from '../attempt/run-stage.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Admission } from './admission.ts';
import type { BrokerTrouble } from './broker-trouble.ts';
import { reportStore } from './report-store.ts';
import type { WithoutQueue } from './without-queue.ts';

const every_ms = 5000;
/** While the broker accepts nothing. */
const look_ms = 1000;

interface Parts {
  readonly runtime: Runtime;
  readonly admission: Admission;
  readonly trouble: BrokerTrouble;
  readonly withoutQueue: WithoutQueue;
}

export type Reconciler = ReturnType<typeof startReconciler>;

/** Repairs the queues from the disk: every 5 s, at once if jobs may be lost, each second while none are accepted. */
export function startReconciler(parts: Parts) {
  const { runtime, trouble } = parts;
  let running: Promise<void> | null = null;
  let again = false;
  const report = reportStore(runtime);
  const passes = async (): Promise<void> => {
    do {
      again = false;
      report(await runtime.runStore.refresh());
      await pass(parts, inBackground);
    } while (again && !runtime.signal.aborted);
  };
  const now = (): Promise<void> => {
    again = running !== null;
    running ??= passes().finally(() => {
      running = null;
    });
    return running;
  };
  const inBackground = (): void => {
    // A stage that ends while `up` stops must not start a pass on a bus that is being closed.
    if (runtime.signal.aborted) return;
    now().catch((error: unknown) => runtime.log.warn({ err: error }, 'queues could not be compared with the disk'));
  };
  runtime.bus.onDoubt(inBackground);
  // Refused workers report it again and again: a pass that is running, or the next one, sees it too.
  let heard = Number.NEGATIVE_INFINITY;
  runtime.bus.onRefused(() => {
    if (running !== null || trouble.now() !== null || performance.now() - heard < look_ms) return;
    heard = performance.now();
    inBackground();
  });
  const timers = [
    setInterval(inBackground, every_ms),
    setInterval(() => {
      if (running === null && (trouble.now() !== null || runtime.bus.awaySince() !== null)) inBackground();
    }, look_ms),
  ];
  return {
    now,
    /** Begins a pass without waiting for it. */
    soon: inBackground,
    async close(): Promise<void> {
      for (const timer of timers) clearInterval(timer);
      await running?.catch(() => undefined); // reported by inBackground
      await parts.withoutQueue.settled();
    },
  };
}

async function pass({ runtime, admission, trouble, withoutQueue }: Parts, again: () => void): Promise<void> {
  const { bus } = runtime;
  const refusal = (await bus.look()) ?? (await mend(runtime, admission));
  await trouble.report(refusal);
  if (refusal === null) return bus.release();
  // A connection that is away makes its consumers wait on its own.
  if (refusal.kind === 'refuses') await bus.hold();
  if (trouble.now() === null) return;
  for (const { stored, next } of await dueRuns(runtime)) withoutQueue.begin(stored, next, again);
}

/** Adds the jobs that are due and missing. Returns why the broker does not accept them, or null. */
async function mend(runtime: Runtime, admission: Admission): Promise<Refusal | null> {
  const { runStore, rows, bus, busyRuns } = runtime;
  try {
    for (const { stored, next } of await dueRuns(runtime))
      await bus.ensure(next, async () => {
        const name = stored.run.run;
        if (busyRuns.has(name)) return false;
        const later = due(await runStore.state(stored), rows.has(name));
        return later !== null && later.event.stage === next.event.stage && later.event.attempt === next.event.attempt;
      });
  } catch (error) {
    const refusal = refusalIn(error);
    if (refusal === null) throw error;
    return refusal;
  }
  try {
    await admission.ensure();
  } catch (error) {
    const refusal = refusalIn(error);
    if (refusal !== null) return refusal;
    // A queued run that cannot be read must not stop those that have started.
    runtime.log.error({ err: error }, 'the next run could not be admitted');
  }
  return null;
}

/** What an error says about the broker. Null if it is not the broker's. */
function refusalIn(error: unknown): Refusal | null {
  if (isReply(error)) return refusalOf(error.message);
  return error instanceof NoAnswer ? silenceOf(error.message) : null;
}

/** Started runs that are neither busy nor paused, with what is due for them. */
async function dueRuns(runtime: Runtime): Promise<{ readonly stored: StoredRun; readonly next: Due }[]> {
  const { runStore, rows, busyRuns } = runtime;
  const found: { stored: StoredRun; next: Due }[] = [];
  for (const stored of runStore.all()) {
    const name = stored.run.run;
    if (rows.has(name) || busyRuns.has(name)) continue;
    if (standing(await runStore.journal(stored), false) === 'waiting') continue;
    const state = await runStore.state(stored);
    const next = due(state, false);
    if (next !== null && !isPaused(runtime, state, next)) found.push({ stored, next });
  }
  return found;
}
