import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../core/errors.ts';
import { hasCode } from '../disk/files.ts';
import { settled } from '../tool/settled.ts';
import { limited, type NotDelivered } from './notify-limit.ts';

const shownOutput = 500;
/** Its last output may arrive a moment after its end. */
const lastWords_ms = 200;

interface Setting {
  readonly cwd: string;
  /** Added to the environment of this process. */
  readonly env: Readonly<Record<string, string>>;
  readonly leave: AbortSignal;
}

/** `spawn` throws at once if no command can be started at all: a row larger than the system accepts, a NUL byte. */
function unstarted(error: unknown): NotDelivered {
  const why = messageOf(error);
  const hint = hasCode(error, 'E2BIG') ? ': the row is larger than the system accepts for a command' : '';
  return { why: `${why}${hint}`, output: '', isFinal: true };
}

/** Runs a command of `notify`. Null if it ended with 0. */
export async function runNotifyCommand(
  argv: readonly [string, ...string[]],
  setting: Setting,
): Promise<NotDelivered | null> {
  try {
    return await run(argv, setting);
  } catch (error) {
    return unstarted(error);
  }
}

/** Runs the command in a group of its own, so that everything it started ends with it. */
async function run(
  argv: readonly [string, ...string[]],
  { cwd, env: added, leave }: Setting,
): Promise<NotDelivered | null> {
  const [command, ...args] = argv;
  const env = { ...process.env, ...added };
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
  return problem === null ? null : { why: problem, output, isFinal: child.pid === undefined };
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
