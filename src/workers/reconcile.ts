import { due } from '../core/run/due.ts';
import { standing } from '../core/run/next-run.ts';
import { isHeld } from './run-stage.ts';
import type { Admission } from './runs.ts';
import type { Runtime } from './runtime.ts';

const every_ms = 5000;

/** Compares the queues with the disk and mends the queues: the disk is the truth, the broker may be emptied at any time. */
export interface Reconciler {
  now(): Promise<void>;
  close(): Promise<void>;
}

/** One pass at a time: every 5 s, and at once when jobs may have been lost. */
export function startReconciler(runtime: Runtime, admission: Admission): Reconciler {
  let running: Promise<void> | null = null;
  let again = false;
  const passes = async (): Promise<void> => {
    do {
      again = false;
      await pass(runtime, admission);
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
    // A broker that is away makes this fail; it is tried again at the next tick and when the connection is back.
    now().catch((error: unknown) => runtime.log.warn({ err: error }, 'queues could not be compared with the disk'));
  };
  runtime.bus.onDoubt(inBackground);
  const timer = setInterval(inBackground, every_ms);
  return {
    now,
    async close() {
      clearInterval(timer);
      await running?.catch(() => undefined); // told by inBackground
    },
  };
}

async function pass(runtime: Runtime, admission: Admission): Promise<void> {
  const { shelf, rows, bus, inHand } = runtime;
  await shelf.refresh();
  for (const shelved of shelf.all()) {
    const name = shelved.run.run;
    if (rows.has(name) || inHand.has(name)) continue;
    if (standing(await shelf.journal(shelved), false) === 'waiting') continue;
    const state = await shelf.state(shelved);
    const next = due(state, false);
    if (next === null || isHeld(runtime, state, next)) continue;
    await bus.ensure(next, async () => {
      if (inHand.has(name)) return false;
      const later = due(await shelf.state(shelved), rows.has(name));
      return later !== null && later.event.stage === next.event.stage && later.event.attempt === next.event.attempt;
    });
  }
  await admission.ensure();
}
