import { duration } from '../../core/format.ts';
import { lateRuns } from '../../core/plan/night.ts';
import { lateText, nightText } from '../../core/plan/night-text.ts';
import { watchSleep } from '../../io/host/sleep-watch.ts';
import { removeDeadline, writeDeadline } from '../../io/workspace/deadline.ts';
import { openNightReader, placeOf } from '../../workers/queue/night.ts';
import type { Runtime } from '../../workers/runtime/runtime.ts';
import { nightLine } from './night.ts';

/** Says the sum of the night when the queue has changed. */
export interface NightLine {
  changed(): void;
  close(): void;
}

/** Files that are accepted together, and a run that starts as soon as another has its row, are one change. */
const settles_ms = 300;

/**
 * For a running `up`. Other commands learn its deadline from a note, until it is closed. The night ends later when the
 * machine has slept, since stages have not worked meanwhile.
 */
export function openNightLine(runtime: Runtime, say: (line: string) => void, now = Date.now): NightLine {
  const { workspace, log, until, signal } = runtime;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const failed = (error: unknown): void => log.warn({ err: error }, 'the sum of the night could not be made');
  void writeDeadline(workspace.state, until).catch(failed);
  const sum = async (): Promise<void> => {
    const text = nightText(await openNightReader(placeOf(runtime)).night(), until, true);
    if (text !== null && !signal.aborted) say(nightLine(text));
  };
  const changed = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      running = running.then(sum).catch(failed);
    }, settles_ms);
  };
  const sleep = watchSleep(now, (slept_ms) => {
    for (const live of runtime.busyRuns.values()) if (live.waits === null) live.since += slept_ms;
    const text = `this machine slept for ${duration(slept_ms / 1000)}`;
    log.info(text);
    say(text);
    changed();
  });
  return {
    changed,
    close() {
      sleep.stop();
      clearTimeout(timer);
      void removeDeadline(workspace.state).catch(failed);
    },
  };
}

/** What the deadline of a running `up` leaves for the next night. */
export async function leftForTheNextNight(runtime: Runtime): Promise<string> {
  const { until } = runtime;
  const late = until === null ? [] : lateRuns(await openNightReader(placeOf(runtime)).night(), until.at);
  return until === null || late.length === 0 ? 'the deadline is reached, and no run is left' : lateText(late, until);
}
