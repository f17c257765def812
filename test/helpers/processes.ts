import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { hasCode, readText } from '../../src/io/disk/files.ts';
import type { Call } from './chain.ts';
import { parseLines } from './lines.ts';

const run = promisify(execFile);

/** A process that runs in or for a workspace, as `ps` tells it: its pid first. */
async function lookForProcesses(root: string): Promise<string[]> {
  const { stdout } = await run('ps', ['-A', '-ww', '-o', 'pid=', '-o', 'args=']);
  const named = stdout.split('\n').filter((line) => line.includes(root));
  const pids = await livingTools(root);
  const tools = stdout
    .split('\n')
    .filter((line) => pids.has(Number(line.trim().split(' ')[0])) && /stand-in/.test(line));
  return [...new Set([...named, ...tools])];
}

/** The pids of stand-ins that have not told their end: a pid that is over may be somebody else's by now. */
async function livingTools(root: string): Promise<Set<number>> {
  const pids = new Set<number>();
  for (const { event, pid } of parseLines<Call>(await readText(join(root, 'calls.jsonl'))))
    event === 'start' ? pids.add(pid) : pids.delete(pid);
  return pids;
}

/** Ends what is left of a workspace, its broker too: all that has its unique folder in its argv or told its pid there. */
export async function endProcesses(root: string): Promise<void> {
  const end = performance.now() + 60_000;
  // More than once: whoever ends last may have started something meanwhile.
  for (let left = await lookForProcesses(root); left.length > 0; left = await lookForProcesses(root)) {
    if (performance.now() > end) throw new Error(`does not end by SIGKILL:\n${left.join('\n')}`);
    for (const line of left) {
      try {
        process.kill(Number(line.trim().split(' ')[0]), 'SIGKILL');
      } catch (error) {
        if (!hasCode(error, 'ESRCH')) throw error; // it has just ended
      }
    }
    await delay(20);
  }
}

/** What is left; a tool that was just told to end gets a moment. */
export async function processesOf(root: string): Promise<string[]> {
  const end = performance.now() + 30_000;
  for (;;) {
    const left = await lookForProcesses(root);
    if (left.length === 0 || performance.now() > end) return left;
    await delay(50);
  }
}
