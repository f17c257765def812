import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds that nothing may hold the event loop for. */
const cap = 100;
const beat_ms = 5;
/** Other programs take the processor as well: the quietest of these counts. */
const tries = 3;

/** The longest time, in ms, that the event loop did not turn while this worked. */
async function heldOnce(work: () => unknown): Promise<number> {
  let [longest, last] = [0, performance.now()];
  const beat = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last - beat_ms);
    last = now;
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
