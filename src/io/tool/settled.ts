import { setTimeout as delay } from 'node:timers/promises';

/** A signal that aborts when the promise has settled: racing a promise again and again would accumulate handlers. */
export function settled(promise: Promise<unknown>): AbortSignal {
  const over = new AbortController();
  const end = (): void => over.abort();
  void promise.then(end, end);
  return over.signal;
}

/** Waits until the time has passed or the signal aborts, which is no error. */
export const pause = (time_ms: number, signal: AbortSignal): Promise<void> =>
  delay(time_ms, undefined, { signal }).catch(() => undefined);
