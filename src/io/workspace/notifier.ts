import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Row } from '../../events/row.ts';
import { hasCode } from '../disk/files.ts';
import { expandWords } from '../host/home.ts';

/** How long a `notify` command may take, and how long it still has when `up` goes down before the end of its work. */
const limit_ms = 30_000;
const leave_ms = 1000;
const shownOutput = 500;
/** What it said last may come a moment after its end. */
const lastWords_ms = 200;

/** The user's own `notify` command: it holds up nothing, and its failure is told in the log and changes nothing. */
export interface Notifier {
  /** Starts the command with the row as JSON in PHASEBOX_ROW; does not wait for it. */
  ring(row: Row): void;
  /** Resolves when no command runs any more. */
  silent(): Promise<void>;
  /** Gives what still runs a second, then ends it. */
  close(): Promise<void>;
}

/** `argv` undefined: no command, nothing ever rings. */
export function openNotifier(argv: readonly string[] | undefined, cwd: string, log: Logger): Notifier {
  const closing = new AbortController();
  const ringing = new Set<Promise<void>>();
  const [command, ...args] = expandWords(argv ?? []);
  const silent = async (): Promise<void> => void (await Promise.all(ringing));
  return {
    ring(row) {
      if (command === undefined) return;
      const rung = run([command, ...args], { cwd, row, leave: closing.signal })
        .catch(unstarted)
        .then((problem) => {
          ringing.delete(rung);
          if (problem !== null) log.warn({ run: row.run, output: problem.output }, `notify failed: ${problem.why}`);
        });
      ringing.add(rung);
    },
    silent,
    async close() {
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

/** `spawn` throws at once where no command can be started at all: a row larger than the system takes, a NUL byte. */
function unstarted(error: unknown): { why: string; output: string } {
  const why = error instanceof Error ? error.message : String(error);
  const hint = hasCode(error, 'E2BIG') ? ': the row is larger than the system hands to a command' : '';
  return { why: `${why}${hint}`, output: '' };
}

/** Runs the command in a group of its own, so that all it started ends with it. Null: it ended with 0. */
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
  // `exit`, not `close`: something in the background may keep the output open for ever.
  const ended = new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(code === 0 ? null : `it ended with ${signal ?? `exit code ${code}`}`));
  });
  const over = new AbortController();
  const patience = limited(over.signal, leave).then((why) => {
    if (why !== null) killGroup(child.pid);
    return why;
  });
  const why = await ended;
  over.abort();
  if (why !== null) await Promise.race([closed, delay(lastWords_ms)]);
  const late = await patience;
  const problem = late ?? why;
  return problem === null ? null : { why: problem, output };
}

/** Why the command is to be ended now; null when it ended by itself. */
async function limited(over: AbortSignal, leave: AbortSignal): Promise<string | null> {
  const pause = (ms: number, until: AbortSignal): Promise<void> =>
    delay(ms, undefined, { signal: until }).catch(() => undefined); // aborted: it need not wait any longer
  // Not a listener on `leave`: it lives as long as `up` and would keep one for each row.
  await pause(limit_ms, AbortSignal.any([over, leave]));
  if (leave.aborted) await pause(leave_ms, over);
  if (over.aborted) return null;
  return leave.aborted ? 'it still ran when phasebox went down' : `it took longer than ${limit_ms / 1000} s`;
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // It ended by itself a moment ago, which is what was wanted (macOS says EPERM while its end is not yet read).
    if (!hasCode(error, 'ESRCH', 'EPERM')) throw error;
  }
}
