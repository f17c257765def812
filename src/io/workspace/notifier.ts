import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { messageOf } from '../../core/errors.ts';
import type { Row } from '../../events/row.ts';
import { hasCode } from '../disk/files.ts';
import { expandWords } from '../host/home.ts';
import { pause, settled } from '../tool/settled.ts';

/** How long a `notify` command may take, and how much longer it may run when `up` stops early. */
const limit_ms = 30_000;
const leave_ms = 1000;
const shownOutput = 500;
/** Its last output may arrive a moment after its end. */
const lastWords_ms = 200;

export type Notifier = ReturnType<typeof openNotifier>;

/** The user's `notify` command. It delays nothing, and its failure is only logged. Without `argv`, nothing starts. */
export function openNotifier(argv: readonly string[] | undefined, cwd: string, log: Logger) {
  const closing = new AbortController();
  const ringing = new Set<Promise<void>>();
  const [command, ...args] = expandWords(argv ?? []);
  const silent = async (): Promise<void> => void (await Promise.all(ringing));
  return {
    /** Starts the command with the row as JSON in PHASEBOX_ROW, and does not wait for it. */
    ring(row: Row): void {
      if (command === undefined) return;
      const rung = run([command, ...args], { cwd, row, leave: closing.signal })
        .catch(unstarted)
        .then((problem) => {
          ringing.delete(rung);
          if (problem !== null) log.warn({ run: row.run, output: problem.output }, `notify failed: ${problem.why}`);
        });
      ringing.add(rung);
    },
    /** Resolves when no command is running. */
    silent,
    /** Gives running commands a second, then stops them. */
    async close(): Promise<void> {
      closing.abort();
      await silent();
    },
  };
}

interface Ringing {
  readonly cwd: string;
  readonly row: Row;
  readonly leave: AbortSignal;
}

/** `spawn` throws at once if no command can be started at all: a row larger than the system accepts, a NUL byte. */
function unstarted(error: unknown): { why: string; output: string } {
  const why = messageOf(error);
  const hint = hasCode(error, 'E2BIG') ? ': the row is larger than the system accepts for a command' : '';
  return { why: `${why}${hint}`, output: '' };
}

/** Runs the command in a group of its own, so that everything it started ends with it. Null if it ended with 0. */
async function run(argv: readonly [string, ...string[]], { cwd, row, leave }: Ringing) {
  const [command, ...args] = argv;
  const env = { ...process.env, PHASEBOX_ROW: JSON.stringify(row) };
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-shownOutput);
    });
  }
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  // `exit`, not `close`: something in the background may keep the output open without end.
  const ended = new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(code === 0 ? null : `it ended with ${signal ?? `exit code ${code}`}`));
  });
  const over = settled(ended);
  const patience = limited(over, leave).then((why) => {
    if (why !== null) killGroup(child.pid);
    return why;
  });
  const why = await ended;
  if (why !== null) await Promise.race([closed, delay(lastWords_ms)]);
  const late = await patience;
  const problem = late ?? why;
  return problem === null ? null : { why: problem, output };
}

/** Why the command is stopped now, or null if it has ended on its own. */
async function limited(over: AbortSignal, leave: AbortSignal): Promise<string | null> {
  // Not a listener on `leave`, which lives as long as `up` and would keep one listener per row.
  await pause(limit_ms, AbortSignal.any([over, leave]));
  if (leave.aborted) await pause(leave_ms, over);
  if (over.aborted) return null;
  return leave.aborted ? 'it still ran when phasebox stopped' : `it took longer than ${limit_ms / 1000} s`;
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // It has ended on its own a moment ago, which is the goal (macOS says EPERM until its end is read).
    if (!hasCode(error, 'ESRCH', 'EPERM')) throw error;
  }
}
