import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { messageOf } from '../../core/errors.ts';

/** The result of writing the pages. `passes` means that the error can be transient, so another try makes sense. */
export type PagesReply =
  | { readonly kind: 'written'; readonly warnings: readonly string[] }
  | { readonly kind: 'failed'; readonly message: string; readonly stack: string; readonly passes: boolean };

export const pagesOrder = z.object({
  artifacts: z.string(),
  state: z.string(),
  /** The phases whose answers may have changed. */
  only: z.array(z.string()).readonly(),
});
export type PagesOrder = z.infer<typeof pagesOrder>;

/** Next to this file, as source and in the bundle (scripts/build.mjs). */
const program = fileURLToPath(new URL(`./pages-child${extname(fileURLToPath(import.meta.url))}`, import.meta.url));

/** Lower than that of the night's tools. */
const priority = 10;
const keptOutput = 2000;
/** A process of a second keeps nearly all that it reads. With V8's own 16 MB, a quarter of its time is GC. */
const roomForYoung = '--max-semi-space-size=64';

/** Writes the pages in a process of its own, which ends with its work or with this process. It never throws. */
export async function writePagesApart(order: PagesOrder): Promise<PagesReply> {
  // The folder is in the arguments only so that `ps` shows which workspace it belongs to.
  const child = fork(program, [order.artifacts], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [...process.execArgv, roomForYoung],
  });
  let said = '';
  child.stderr?.on('data', (part: Buffer) => {
    said = `${said}${part}`.slice(-keptOutput);
  });
  const replied = once(child, 'message').then(([answer]) => answer as PagesReply);
  // If it cannot be started, both reject.
  replied.catch(() => undefined);
  const failed = once(child, 'close').then(([code, signal]) => died(`${signal ?? `exit code ${code}`}`, said));
  try {
    if (child.pid !== undefined) behindTools(child.pid);
    child.send(order, () => undefined); // `close` reports a child process that has ended
    return await Promise.race([replied, failed]);
  } catch (error) {
    return died(messageOf(error), said);
  } finally {
    await ended(child);
  }
}

const died = (how: string, said: string): PagesReply => {
  const message = `The process that writes the pages ended early (${how}).`;
  return { kind: 'failed', message, stack: `${message}\n${said}`, passes: true };
};

function behindTools(pid: number): void {
  try {
    setPriority(pid, priority);
  } catch {
    // It has ended, or the system does not allow it: the pages are written anyway.
  }
}

/** It closes the channel after sending its answer. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  await once(child, 'exit');
}
