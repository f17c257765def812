/** Tells how long this process did not run because the machine slept. */
export interface SleepWatch {
  /** Milliseconds asleep since the watch began. */
  slept_ms(): number;
  stop(): void;
}

const beat_ms = 1000;
/** Below this it is a busy machine, not a sleep; above it the process was stopped, which is as good as asleep. */
const jump_ms = 5000;

/**
 * Watches the wall clock between two beats of a timer. Comparing it with the monotonic clock would not do: on macOS that
 * one goes on while the machine sleeps, and a timer that ran out meanwhile fires at waking.
 */
export function watchSleep(now: () => number = Date.now): SleepWatch {
  let last = now();
  let total = 0;
  const look = (): void => {
    const time = now();
    const late = time - last - beat_ms;
    if (late > jump_ms) total += late;
    last = time;
  };
  const timer = setInterval(look, beat_ms);
  timer.unref();
  return {
    slept_ms() {
      look();
      return total;
    },
    stop: () => clearInterval(timer),
  };
}
