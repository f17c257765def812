import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ifAbsent } from '../disk/files.ts';
import { commandLine, holdersOf } from '../host/process-facts.ts';
import { settled } from './settled.ts';
import { exitCode } from './tool-process.ts';

/** Processes that end together with the tool have ended by then. */
const patience_ms = 2000;
const longestLine = 200;

/**
 * Reports once which processes keep an ended tool from being finished: what it started still holds its fifo open, in a
 * session that none of our signals reaches. `tell` is not called if `ended` settles before.
 */
export async function watchStrays(dir: string, ended: Promise<unknown>, tell: (text: string) => void): Promise<void> {
  const over = settled(ended);
  for (let code: number | null = null; !over.aborted; code = await exitCode(dir)) {
    // It does not keep this process from ending. Aborted: the tool has finished.
    await delay(patience_ms, undefined, { signal: over, ref: false }).catch(() => undefined);
    if (code === null || over.aborted) continue;
    const who = await holders(dir);
    if (over.aborted) return;
    const named = who.length === 0 ? 'which process, this user cannot see' : who.join('; ');
    tell(`waits: its tool ended with code ${code}, but what it started still runs (${named})`);
    return;
  }
}

/** The processes that hold the fifo open, by pid and arguments. Empty if they have ended meanwhile. */
async function holders(dir: string): Promise<string[]> {
  const pids = await holdersOf(join(dir, 'alive')).catch(ifAbsent<readonly number[]>([]));
  // This process opens it for a moment too, to see whether a process is alive.
  const others = pids.filter((pid) => pid !== process.pid);
  const lines = await Promise.all(others.map(async (pid) => ({ pid, line: await commandLine(pid) })));
  return lines.flatMap(({ pid, line }) => (line === null ? [] : [`pid ${pid}: ${line.slice(0, longestLine)}`]));
}
