const beat_ms = 1000;
/** Below this the machine is busy and not asleep. Above it the process was stopped, which counts as sleep. */
const jump_ms = 5000;

/**
 * Measures how long the machine slept, by the wall clock between two ticks of a timer. The monotonic clock continues on
 * macOS while the machine sleeps, and a timer that expired meanwhile fires at waking. `onWake` gets the milliseconds of
 * each sleep.
 */
export function watchSleep(now: () => number = Date.now, onWake: (slept_ms: number) => void = () => undefined) {
  let last = now();
  let total = 0;
  const look = (): void => {
    const time = now();
    const late = time - last - beat_ms;
    last = time;
    if (late <= jump_ms) return;
    total += late;
    onWake(late);
  };
  const timer = setInterval(look, beat_ms);
  timer.unref();
  return {
    /** Milliseconds asleep since the watch began. */
    slept_ms(): number {
      look();
      return total;
    },
    stop: (): void => clearInterval(timer),
  };
}
