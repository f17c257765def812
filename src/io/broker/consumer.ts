import { type Job, type KeepJobs, UnrecoverableError, WaitingError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { messageOf } from '../../core/errors.ts';

/** Measured: a job of a dead process runs again after 4-5 s, at no idle cost. With the defaults it takes 61 s. */
const lock = { lockDuration: 5000, stalledInterval: 2000, maxStalledCount: 1_000_000_000 };

/** The progress of a job on the dashboard while a worker works. Losing any of it does no harm. */
export interface JobProgress {
  progress(value: object): void;
  log(line: string): void;
}

/** The input of a handler, and the ways in which it can end without returning. */
export interface Delivery {
  readonly data: unknown;
  readonly board: JobProgress;
}

/** Thrown by a handler: the job goes back to the head of its queue. */
export class PutBack extends Error {
  override readonly name = 'PutBack';
}

export type Consumer = ReturnType<typeof openConsumer>;

interface ConsumerOptions {
  readonly name: string;
  readonly connection: Redis;
  readonly prefix: string;
  readonly kept: { readonly removeOnComplete: KeepJobs; readonly removeOnFail: KeepJobs };
  readonly handle: (delivery: Delivery) => Promise<unknown>;
  readonly quiet: (error: Error) => void;
  readonly doubt: () => void;
}

/** A worker of concurrency 1 that takes nothing until it is opened. If `handle` throws, the job has failed for good. */
export function openConsumer(options: ConsumerOptions) {
  const { name, connection, prefix, kept, quiet, doubt } = options;
  const settings = { concurrency: 1, autorun: false, skipVersionCheck: true, ...lock, ...kept };
  const worker = new Worker(name, (job, token) => deliver(job, token, options), { connection, prefix, ...settings });
  worker.on('error', quiet);
  worker.on('lockRenewalFailed', doubt);
  let [isOpen, isHeld] = [false, false];
  const take = (): void => {
    if (!isOpen || isHeld) return;
    if (worker.isPaused()) worker.resume().catch(quiet);
    else if (!worker.isRunning()) worker.run().catch(quiet);
  };
  return {
    open(): void {
      isOpen = true;
      take();
    },
    pause(): Promise<void> {
      isOpen = false;
      return worker.pause(true);
    },
    /** Takes nothing until `release`, open or not. */
    async hold(): Promise<void> {
      if (isHeld) return;
      isHeld = true;
      if (worker.isRunning()) await worker.pause(true);
    },
    release(): void {
      if (!isHeld) return;
      isHeld = false;
      take();
    },
    close: (): Promise<void> => worker.close(),
  };
}

/**
 * After a wipe of the broker its calls throw "Missing key", which must not fail a training. `shown` has the lines of an
 * earlier delivery: a worker that resumes a stage reads its log from the start, and each line is shown once.
 */
function boardOf(job: Job, shown: readonly string[], quiet: (error: Error) => void): JobProgress {
  const again = [...shown];
  return {
    progress: (value) => void job.updateProgress(value).catch(quiet),
    log(line) {
      const at = again.indexOf(line);
      if (at >= 0) again.splice(at, 1);
      else void job.log(line).catch(quiet);
    },
  };
}

async function shownBefore(job: Job, { name, connection, prefix, quiet }: ConsumerOptions): Promise<string[]> {
  if (job.attemptsStarted <= 1) return [];
  return connection.lrange(`${prefix}:${name}:${job.id}:logs`, 0, -1).catch((error: Error) => {
    quiet(error);
    return [];
  });
}

async function deliver(job: Job, token: string | undefined, how: ConsumerOptions): Promise<unknown> {
  const board = boardOf(job, await shownBefore(job, how), how.quiet);
  try {
    return await how.handle({ data: job.data, board });
  } catch (error) {
    if (error instanceof PutBack) {
      await job.moveToWait(token);
      throw new WaitingError();
    }
    const final = new UnrecoverableError(messageOf(error));
    if (error instanceof Error && error.stack !== undefined) final.stack = error.stack;
    throw final;
  }
}
