import type { Logger } from 'pino';
import type { ErrorCode } from '../../core/errors.ts';
import type { KeyedLock } from '../../core/keyed-lock.ts';
import type { Until } from '../../core/plan/night-text.ts';
import type { Row } from '../../events/row.ts';
import type { RunStore, StoredRun } from '../../io/artifacts/run-store.ts';
import type { Bus } from '../../io/broker/bus.ts';
import type { RetryClock } from '../../io/broker/retry-clock.ts';
import type { Notifier } from '../../io/workspace/notifier.ts';
import type { ControlStore } from '../../io/workspace/state-files.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';
import type { Progress } from '../stages/stage.ts';
import type { PageWriter } from './page-writer.ts';

/** How a run finished, and the seconds that each of its stages took. */
export type Finished = Pick<Row, 'status' | 'seconds'>;

/** What the owner of a workspace works with, also if no `up` runs and a command owns it for a moment. */
export interface Owner {
  readonly workspace: Workspace;
  readonly runStore: RunStore;
  readonly log: Logger;
  /** Runs that have their row, and what estimates need of it. */
  readonly rows: Map<string, Finished>;
  readonly pages: PageWriter;
  readonly notifier: Notifier;
  readonly control: ControlStore;
  /** One lock per run: reading its state and acting on it is one turn, so that a row and a retry cannot overlap. */
  readonly turn: KeyedLock;
  /** Runs that a worker of this process works on, and their progress. */
  readonly busyRuns: Map<string, Live>;
  /** Called at every step, for display. */
  readonly notice: (notice: Notice) => void;
}

/**
 * The lock for work on stages that several runs read: a run is admitted because its source's stages exist, and `retry`
 * removes them because no admitted run reads them. No run has this name.
 */
export const sharedStages = 'shared stages';

/** What the workers of one `up` share. */
export interface Runtime extends Owner {
  readonly bus: Bus;
  readonly clock: RetryClock;
  readonly python: string;
  readonly versions: Readonly<Record<string, string>>;
  /** No run starts that would not be finished by then. Null without a deadline. */
  readonly until: Until | null;
  /** Aborted when `up` stops. Its reason is a `Leaving`. */
  readonly signal: AbortSignal;
  /** Aborted when a person requested that `up` stops together with its tools. */
  readonly stopAsked: AbortController;
}

/** How `up` stops: `detach` leaves tools running, to be resumed later, and `stop` stops them. */
export type Leaving = 'detach' | 'stop';

/** True if work that has begun continues in the background: nothing of it has failed. */
export const isDetaching = (signal: AbortSignal): boolean => signal.aborted && signal.reason === 'detach';

/** What is running now. */
export interface Live {
  readonly stage: string;
  readonly attempt: number;
  /** When the stage began, in milliseconds since 1970. Waiting and the hours without `up` move it to a later time. */
  since: number;
  /** Aborted with `cancel` or `pause`: what works for the run must end now. */
  readonly cancel: AbortController;
  /** Settles when the run is no longer busy. */
  readonly over: Promise<void>;
  progress: Progress | null;
  /** What it waits for outside of the run: the machine, the disk. Null if it works. */
  waits: string | null;
}

/** A step that is worth a line on the terminal. */
export type Notice =
  | { readonly kind: 'started'; readonly stored: StoredRun }
  | { readonly kind: 'stage'; readonly stored: StoredRun; readonly stage: string; readonly attempt: number }
  | { readonly kind: 'committed'; readonly stored: StoredRun; readonly stage: string; readonly seconds: number }
  | {
      readonly kind: 'failed';
      readonly stored: StoredRun;
      readonly stage: string;
      readonly code: ErrorCode;
      readonly message: string;
      readonly retryAt: number | null;
      /** What the next attempt resumes from. Null if it starts from scratch. */
      readonly resumesFrom: string | null;
    }
  /** Something about a running stage that a person wants to know. */
  | { readonly kind: 'note'; readonly stored: StoredRun; readonly stage: string; readonly text: string }
  | { readonly kind: 'waits'; readonly stored: StoredRun; readonly stage: string; readonly text: string }
  | { readonly kind: 'model'; readonly model: string; readonly text: string }
  | { readonly kind: 'rehearsal'; readonly text: string }
  | { readonly kind: 'page'; readonly text: string }
  | { readonly kind: 'broker'; readonly text: string }
  /** Something in artifacts/ was changed. `failed` means that a run will not get its row because of it. */
  | { readonly kind: 'store'; readonly text: string; readonly failed: boolean }
  | { readonly kind: 'row'; readonly stored: StoredRun; readonly row: Row };

export const now = (): string => new Date().toISOString();

/**
 * Marks a run as busy that is not: until `leave`, nothing else in this process works on it, and no job for it is emitted.
 * `stage` is what is done with it, for display. `cancelled` is aborted with `cancel` or `pause` when a person asks for that.
 */
export function markBusy(
  { busyRuns }: Pick<Owner, 'busyRuns'>,
  { run, stage, attempt }: { readonly run: string; readonly stage: string; readonly attempt: number },
): { readonly cancelled: AbortSignal; leave(): void } {
  const cancel = new AbortController();
  let settle: () => void = () => undefined;
  const over = new Promise<void>((resolve) => {
    settle = resolve;
  });
  busyRuns.set(run, { stage, attempt, since: Date.now(), cancel, over, progress: null, waits: null });
  const leave = (): void => {
    busyRuns.delete(run);
    settle();
  };
  return { cancelled: cancel.signal, leave };
}
