import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ifAbsent } from '../disk/files.ts';
import { commandLine, holdersOf } from '../host/process-facts.ts';
import { exitCode } from './tool-process.ts';

/** What ends with the tool is gone by then. */
const patience_ms = 2000;
const longestLine = 200;

/**
 * Tells once who keeps a tool from being over that has ended itself: processes that it started and that still hold its
 * fifo. In a session of their own no signal of ours reaches them. `tell` is not called when `ended` settles before.
 */
export async function watchStrays(dir: string, ended: Promise<unknown>, tell: (text: string) => void): Promise<void> {
  const over = new AbortController();
  const end = (): void => over.abort();
  void ended.then(end, end);
  const pause = (): Promise<void> =>
    delay(patience_ms, undefined, { signal: over.signal, ref: false }).catch(() => undefined); // aborted: it is over
  for (let code: number | null = null; !over.signal.aborted; code = await exitCode(dir)) {
    await pause();
    if (code === null || over.signal.aborted) continue;
    const who = await holders(dir);
    if (over.signal.aborted) return;
    const named = who.length === 0 ? 'which process, this user cannot see' : who.join('; ');
    tell(`waits: its tool ended with code ${code}, but what it started still runs (${named})`);
    return;
  }
}

/** Who holds the fifo, by pid and arguments; nobody when it is gone meanwhile. */
async function holders(dir: string): Promise<string[]> {
  const pids = await holdersOf(join(dir, 'alive')).catch(ifAbsent<readonly number[]>([]));
  // We open it ourselves for a moment, to ask whether anyone lives.
  const others = pids.filter((pid) => pid !== process.pid);
  const lines = await Promise.all(others.map(async (pid) => ({ pid, line: await commandLine(pid) })));
  return lines.flatMap(({ pid, line }) => (line === null ? [] : [`pid ${pid}: ${line.slice(0, longestLine)}`]));
}
