import { setTimeout as delay } from 'node:timers/promises';
import type { Inbox } from '../../producers/inbox.ts';
import type { Workers } from '../../workers/index.ts';
import type { Runtime } from '../../workers/runtime/runtime.ts';

/** Changes without a step, such as a pause, are noticed after at most the time of one pass of the reconciler. */
const longestWait_ms = 5000;

/** The steps of `up`, to wait for the next one. */
export interface Steps {
  happened(): void;
  /** Resolves at the next step. */
  next(): Promise<void>;
}

export function openSteps(): Steps {
  let resolve = (): void => undefined;
  const another = (): Promise<void> =>
    new Promise((done) => {
      resolve = done;
    });
  let next = another();
  return {
    happened() {
      resolve();
      next = another();
    },
    next: () => next,
  };
}

interface Progress {
  readonly runtime: Pick<Runtime, 'runStore' | 'rows'>;
  readonly inbox: Pick<Inbox, 'settled' | 'isEmpty'>;
  readonly workers: Pick<Workers, 'isHeldBack'>;
  readonly steps: Steps;
}

/**
 * Waits until no file waits and every run has its row (`done`), or only pauses keep the other runs from continuing
 * (`held`). The inbox is scanned only when all runs are finished or paused.
 */
export async function allDone({ runtime, inbox, workers, steps }: Progress): Promise<'done' | 'held'> {
  const isOpen = (): boolean => runtime.runStore.all().some(({ run }) => !runtime.rows.has(run.run));
  for (;;) {
    const step = steps.next();
    const over = !isOpen() ? 'done' : (await workers.isHeldBack()) ? 'held' : null;
    if (over === null) {
      await Promise.race([step, delay(longestWait_ms, undefined, { ref: false })]);
      continue;
    }
    const runs = runtime.runStore.all().length;
    await inbox.settled();
    const isSame = isOpen() === (over === 'held') && runtime.runStore.all().length === runs;
    if (isSame && (await inbox.isEmpty())) return over;
    await delay(100);
  }
}
