import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Shared by all copies of this module: the root hook and the tests load it by different loaders. */
const registry: typeof globalThis & {
  phaseboxTempDirs?: string[];
  phaseboxEnding?: Promise<boolean>;
  phaseboxEndings?: Set<Ending>;
} = globalThis;
registry.phaseboxTempDirs ??= [];
registry.phaseboxEndings ??= new Set();
const folders = registry.phaseboxTempDirs;
const endings = registry.phaseboxEndings;

type Ending = () => Promise<unknown>;

/** Whatever becomes of the tests (a hook that fails, a signal), `end` is called; the answer takes it back. */
export function atTheEnd(end: Ending): () => void {
  endings.add(end);
  return () => void endings.delete(end);
}

/** Called by the root hook at the end: true when something was left to be ended. */
export function runEndings(): Promise<boolean> {
  // A signal and the end of mocha may both come by: the second must wait for what the first has begun.
  registry.phaseboxEnding ??= runAll();
  return registry.phaseboxEnding;
}

async function runAll(): Promise<boolean> {
  const left = [...endings];
  endings.clear();
  await Promise.allSettled(left.map((end) => end()));
  return left.length > 0;
}

/** A fresh folder that is removed when all tests of this process are done: some are shared by the tests of a suite. */
export async function tempDir(name = 'test'): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `phasebox-${name}-`));
  folders.push(folder);
  return folder;
}

/** Called by the root hook at the end. */
export async function removeTempDirs(): Promise<void> {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** Waits until `condition` gives something truthy and returns it. `limit_ms` is generous on purpose: no test asserts a duration. */
export async function waitFor<T>(
  what: string,
  condition: () => T | Promise<T>,
  limit_ms = 60_000,
): Promise<NonNullable<T>> {
  const end = performance.now() + limit_ms;
  for (;;) {
    const value = await condition();
    if (value) return value as NonNullable<T>;
    if (performance.now() > end) throw new Error(`waited ${limit_ms} ms in vain for: ${what}`);
    await delay(10);
  }
}

/** A hook that hangs tells nothing: what takes so long is an error that names it. */
export async function within<T>(what: string, work: Promise<T>, more = () => ''): Promise<T> {
  const limit_s = 60;
  const timer = new AbortController();
  const late = delay(limit_s * 1000, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`waited ${limit_s} s in vain for ${what}\n${more()}`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
    late.catch(() => undefined); // taken back
  }
}
