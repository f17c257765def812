import { duration } from '../../core/format.ts';
import { lateRuns, type NightView } from '../../core/plan/night.ts';
import { type NightRow, nightSummary } from '../../core/plan/night-summary.ts';
import { lateText, nightText } from '../../core/plan/night-text.ts';
import { runNotification } from '../../core/run/notification.ts';
import { watchSleep } from '../../io/host/sleep-watch.ts';
import { removeDeadline, writeDeadline } from '../../io/workspace/deadline.ts';
import { openNightReader, placeOf } from '../../workers/queue/night.ts';
import type { Runtime } from '../../workers/runtime/runtime.ts';
import { nightLine } from './night.ts';

/** Says the sum of the night when the queue has changed. */
export interface NightLine {
  changed(): void;
  /** A run has its row. The night is done when no run is left that can start. */
  finished(row: NightRow): void;
  /** `up` ends, since nothing is left to do now. Resolves when the notifications are sent. */
  over(): Promise<void>;
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
  let done: readonly NightRow[] = [];
  const read = (): Promise<NightView> => openNightReader(placeOf(runtime)).night();
  const notifyDone = (view: NightView): void => {
    if (done.length === 0) return;
    runtime.notifier.send(runNotification('night_done', [], nightSummary(done, view)));
    done = [];
  };
  const sum = async (): Promise<void> => {
    const view = await read();
    const text = nightText(view, until, true);
    if (signal.aborted) return;
    if (text !== null) say(nightLine(text));
    if (view.night.runs === 0) notifyDone(view);
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
    finished(row) {
      const { run, status, overall, started, ended, error } = row;
      done = [...done, { run, status, overall, started, ended, error }];
      changed();
    },
    async over() {
      await running;
      if (done.length > 0) await read().then(notifyDone).catch(failed);
      await runtime.notifier.silent();
    },
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
