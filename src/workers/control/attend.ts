import type { Runtime } from '../runtime.ts';
import { openRequestHandler } from './requests.ts';

const every_ms = 5000;

/** Meets what people ask for while `up` lives. */
export interface Attendance {
  /** Handles what waits, now. */
  now(): Promise<void>;
  /** From now on a request to stop is one to this `up`, and requests are looked for by themselves. */
  begin(): void;
  close(): Promise<void>;
}

/** `changed` is called after requests were handled: what is due may be another thing now. */
export function attendRequests(runtime: Runtime, changed: () => Promise<void>): Attendance {
  let begun = false;
  let timer: NodeJS.Timeout | undefined;
  // One that was left by a command which is gone is not about this `up`.
  const requests = openRequestHandler(runtime, () => begun && runtime.stopAsked.abort());
  let last: Promise<void> = Promise.resolve();
  const now = (): Promise<void> => {
    last = requests.handle().then((any) => (any && !runtime.signal.aborted ? changed() : undefined));
    return last;
  };
  return {
    now,
    begin() {
      begun = true;
      timer = setInterval(() => {
        now().catch((error: unknown) => runtime.log.warn({ err: error }, 'requests could not be handled'));
      }, every_ms);
    },
    async close() {
      clearInterval(timer);
      await last.catch(() => undefined); // told by whoever called
    },
  };
}
