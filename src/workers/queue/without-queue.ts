import type { Due } from '../../core/run/due.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import { PutBack } from '../../io/broker/consumer.ts';
import { JournaledFailure } from '../attempt/failure.ts';
import { runStage } from '../attempt/run-stage.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Stage } from '../stages/stage.ts';
import type { Admission } from './admission.ts';
import { endRun } from './results.ts';

interface Parts {
  readonly runtime: Runtime;
  readonly admission: Admission;
  readonly list: readonly Stage[];
}

export type WithoutQueue = ReturnType<typeof openWithoutQueue>;

/** There is no job on the dashboard. */
const board = { progress: () => undefined, log: () => undefined };

/** Takes started runs to their rows while the broker accepts no jobs. Only new runs wait. */
export function openWithoutQueue({ runtime, admission, list }: Parts) {
  const underWay = new Map<string, { readonly stage: string; readonly done: Promise<void> }>();
  const reported = new Map<string, string>();
  const isBusy = (stage: string): boolean =>
    [...underWay.values(), ...runtime.busyRuns.values()].some((one) => one.stage === stage);
  // `begin` is called every second: the same error of a run is one line.
  const report = (run: string, error: unknown): void => {
    if (reported.get(run) === String(error)) return;
    reported.set(run, String(error));
    runtime.log.error({ err: error, run }, 'what is due for the run could not be done; it is tried again');
  };
  const work = async (stored: StoredRun, { event }: Due): Promise<void> => {
    if (event.stage === 'results') return void (await endRun(runtime, admission, stored));
    const stage = list.find(({ name }) => name === event.stage);
    if (stage !== undefined) await runStage(runtime, stage, { data: event, board });
  };
  return {
    /** Does not wait. Skips a busy run or stage. `then` is called when the journal has a new line. */
    begin(stored: StoredRun, next: Due, then: () => void): void {
      const { run } = stored.run;
      if (underWay.has(run) || runtime.busyRuns.has(run) || isBusy(next.event.stage) || runtime.signal.aborted) return;
      if (runtime.clock.remaining(next) > 0) return;
      const done = work(stored, next)
        .then(() => true)
        .catch((error: unknown) => {
          // A stage that is put back waits for the next `up`.
          if (!(error instanceof PutBack || error instanceof JournaledFailure)) report(run, error);
          return error instanceof JournaledFailure;
        })
        .then((hasMoved) => {
          underWay.delete(run);
          // Otherwise the same is due, and it would fail again at once (a full disk): it waits for the next look.
          if (hasMoved) then();
        });
      underWay.set(run, { stage: next.event.stage, done });
    },
    /** Resolves when nothing that began here is running. */
    async settled(): Promise<void> {
      while (underWay.size > 0) await Promise.all([...underWay.values()].map(({ done }) => done));
    },
  };
}
