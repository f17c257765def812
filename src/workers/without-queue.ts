import type { Due } from '../core/run/due.ts';
import { PutBack } from '../io/broker/consumer.ts';
import type { Shelved } from '../io/workspace/shelf.ts';
import { endRun } from './results.ts';
import { runStage } from './run-stage.ts';
import type { Admission } from './runs.ts';
import type { Runtime } from './runtime.ts';
import type { Stage } from './stage.ts';

/** Does what is due for started runs while the broker takes no jobs: such a run reaches its row, and only new runs wait. */
export interface WithoutQueue {
  /** Starts it, and does not wait for it; `then` is called at its end. What somebody has in hand is left to them. */
  begin(shelved: Shelved, next: Due, then: () => void): void;
  /** Resolves when nothing begun here is under way. */
  settled(): Promise<void>;
}

interface Parts {
  readonly runtime: Runtime;
  readonly admission: Admission;
  readonly list: readonly Stage[];
}

/** Nobody sees the job that is not there. */
const board = { progress: () => undefined, log: () => undefined };

export function openWithoutQueue({ runtime, admission, list }: Parts): WithoutQueue {
  const underWay = new Map<string, Promise<void>>();
  const work = async (shelved: Shelved, { event }: Due): Promise<void> => {
    if (event.stage === 'results') return void (await endRun(runtime, admission, shelved));
    const stage = list.find(({ name }) => name === event.stage);
    if (stage !== undefined) await runStage(runtime, stage, { data: event, board });
  };
  return {
    begin(shelved, next, then) {
      const { run } = shelved.run;
      if (underWay.has(run) || runtime.inHand.has(run) || runtime.signal.aborted) return;
      if (runtime.clock.remaining(next) > 0) return;
      const done = work(shelved, next)
        // A failed stage has told of itself, and one that is put back waits for the next `up`.
        .catch((error: unknown) => {
          if (!(error instanceof PutBack)) runtime.log.debug(String(error));
        })
        .finally(() => {
          underWay.delete(run);
          then();
        });
      underWay.set(run, done);
    },
    async settled() {
      while (underWay.size > 0) await Promise.all(underWay.values());
    },
  };
}
