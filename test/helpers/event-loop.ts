import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds that nothing may hold the event loop for. */
const cap = 100;
const beat_ms = 5;
/** Where the system does not report waits for a processor, the quietest of these counts. */
const tries = 3;

/**
 * How long this thread has waited for a processor that others had, in ms: on a busy machine that is most of a gap, and
 * nothing that the code did. 0 where the system does not report it (macOS): then a gap is taken as it is.
 */
function waited_ms(): number {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}

/** The longest time, in ms, that the event loop did not turn while this worked. */
async function heldOnce(work: () => unknown): Promise<number> {
  let [longest, last, waited] = [0, performance.now(), waited_ms()];
  const beat = (): void => {
    const [now, waits] = [performance.now(), waited_ms()];
    longest = Math.max(longest, now - last - beat_ms - (waits - waited));
    [last, waited] = [now, waits];
  };
  const timer = setInterval(beat, beat_ms);
  try {
    await delay(2 * beat_ms);
    longest = 0;
    await work();
    await delay(2 * beat_ms);
    return Math.round(longest);
  } finally {
    clearInterval(timer);
  }
}

/** How long this work holds the event loop, in ms, at its quietest; it is tried again only when it was too long. */
export async function heldFor(work: () => unknown): Promise<number> {
  let held = Number.POSITIVE_INFINITY;
  for (let n = 0; n < tries && held > cap; n += 1) held = Math.min(held, await heldOnce(work));
  return held;
}

/** Runs each by its name, prints which took longest, and returns those that held the loop for too long: `name: 120 ms`. */
export async function tooLong(works: Readonly<Record<string, () => unknown>>): Promise<string[]> {
  const held: { name: string; ms: number }[] = [];
  for (const [name, work] of Object.entries(works)) held.push({ name, ms: await heldFor(work) });
  const text = ({ name, ms }: { name: string; ms: number }): string => `${name}: ${ms} ms`;
  const longest = held.toSorted((a, b) => b.ms - a.ms).slice(0, 3);
  process.stdout.write(`      held longest by ${longest.map(text).join('; ')}\n`);
  return held.filter(({ ms }) => ms > cap).map(text);
}
