import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { StageError } from '../../core/errors.ts';
import { duration } from '../../core/format.ts';
import { slowestLoad_bytes_s } from '../../core/run/stall.ts';
import { answerFault } from '../../core/score/answers.ts';
import { type ChatReply, type ChatRequest, requestModel } from '../../core/score/chat.ts';
import { filesBytes } from '../host/disk-usage.ts';
import { pause, settled } from '../tool/settled.ts';
import { clearControl } from '../tool/tool-process.ts';
import { askModel, send } from './chat.ts';
import { type Child, closeServer, type ServerStart, spawnServer } from './server-child.ts';

/** A child process that was verified to be the one that answers at `url`. */
export interface RunningServer {
  readonly url: string;
  /** A request for it is only in the log of our child process, which verifies the server. */
  readonly nonce: string;
  ask(request: ChatRequest): Promise<ChatReply>;
  check(): Promise<void>;
  close(): Promise<void>;
}

const portAttempts = 5;

/**
 * Starts mlx_lm's server on a free port. Returns when the model is loaded and the answers are verified to come from our
 * child process. Throws SERVER_DIED, WRONG_SERVER, STOPPED, or a code from the log (OUT_OF_MEMORY ...).
 */
export async function startModelServer(start: ServerStart): Promise<RunningServer> {
  for (let attempt = 1; ; attempt += 1) {
    const child = await spawnServer(start);
    try {
      const nonce = await awaitReady(child, start);
      if (nonce !== null)
        return {
          url: child.url,
          nonce,
          ask: (request) => askModel(request, { ...child, late: (timeout_s) => stillAnswers(child, start, timeout_s) }),
          check: child.check,
          close: () => closeServer(child, start),
        };
    } catch (error) {
      await closeServer(child, start);
      throw error;
    }
    await closeServer(child, start);
    // A port can only be lost between our check and the child's bind. Five times in a row is not an accident.
    const lost = `${portAttempts} free ports were taken by others before the server had them`;
    if (attempt === portAttempts) throw new StageError('WRONG_SERVER', lost);
    await clearControl(start.dir);
  }
}

const poll_ms = 50;
const taken = /Address already in use|EADDRINUSE|\[Errno (?:48|98)\]/;

/** Python with mlx_lm may need a minute from a cold disk, but never five. */
const startSilence_ms = 5 * 60_000;
/** How long another server may answer on our port while our child neither reports that it lost the port nor gets it. */
const strangerPatience_ms = 60_000;

/** Waits for the model. Returns the nonce in the child's log that verifies it, or null if it lost its port. */
async function awaitReady(child: Child, start: ServerStart): Promise<string | null> {
  const limit_ms = start.silence_ms ?? startSilence_ms + ((await filesBytes(start.model)) / slowestLoad_bytes_s) * 1000;
  const look = silenceWatch(child);
  let wait: Wait = { code: 'SERVER_DIED', limit_ms, what: 'it does not answer' };
  for (;;) {
    // Checked first and last: mlx_lm's server lives on without its port, in the thread that generates. Others end.
    const lost = async (): Promise<boolean> => taken.test(await child.log.text());
    if (await lost()) return null;
    try {
      await look(wait);
    } catch (error) {
      if (!child.signal.aborted && (await lost())) return null;
      throw error;
    }
    const proof = await proveIdentity(child);
    if (typeof proof === 'object') {
      await warmUp(child, look, { code: 'SERVER_DIED', limit_ms, what: 'its model is not loaded' });
      return proof.nonce;
    }
    if (proof === 'stranger') {
      const what = `${child.url} answers, but what it was asked is not in ${child.tool.log}`;
      wait = { code: 'WRONG_SERVER', limit_ms: Math.min(limit_ms, strangerPatience_ms), what };
    }
    await delay(poll_ms);
  }
}

/** Requests a page with a unique name: mlx_lm logs it before it answers, so our child's log verifies the answer. */
async function proveIdentity(child: Child): Promise<{ readonly nonce: string } | 'stranger' | 'none'> {
  const nonce = randomBytes(16).toString('hex');
  try {
    const signal = AbortSignal.any([child.signal, AbortSignal.timeout(5000)]);
    if ((await send(`${child.url}/health`, signal)).status !== 200) return 'none';
    await send(`${child.url}/phasebox-${nonce}`, signal);
  } catch {
    // Refused, reset or silent: it is not up yet. The watch on process and log reports if it never will be.
    return 'none';
  }
  return (await child.log.text()).includes(nonce) ? { nonce } : 'stranger';
}

const oneToken = {
  model: requestModel,
  messages: [{ role: 'user', content: 'Hello' }],
  max_tokens: 1,
  temperature: 0,
};

/**
 * An answer that times out may be a long one, and mlx_lm may first finish one that is no longer waited for. A server that
 * gives no single token for longer than both stands still: its answers would all be time-outs, which score 0.
 */
async function stillAnswers(child: Child, { stall_ms }: ServerStart, timeout_s: number): Promise<void> {
  if (stall_ms === undefined) return;
  const limit_s = Math.max(stall_ms / 1000, timeout_s);
  const { error } = await askModel({ body: oneToken, timeout_s: limit_s, retries: 0 }, child);
  if (error === null || answerFault(error).kind !== 'timeout') return;
  throw new StageError(
    'STALLED',
    `the model server did not answer a request for one token within ${duration(limit_s)}`,
  );
}

/** The server answers before its model is loaded (0.30 and 0.32), so one token is requested without a time limit. */
async function warmUp(child: Child, look: Look, wait: Wait): Promise<void> {
  const loaded = new AbortController();
  const request = { body: oneToken, timeout_s: Number.POSITIVE_INFINITY, retries: 0 };
  const asked = askModel(request, { ...child, signal: AbortSignal.any([child.signal, loaded.signal]) });
  const answered = settled(asked);
  try {
    while (!answered.aborted) {
      await look(wait);
      await pause(poll_ms, answered);
    }
  } finally {
    loaded.abort();
    await asked.catch(() => undefined); // awaited again below
  }
  // The log of a failed load says more than "HTTP 404".
  await look(wait);
  const reply = await asked;
  if (reply.error !== null) throw new StageError('SERVER_DIED', `its first answer was ${reply.error}`);
}

/** What it waits for, how long the log may be silent, and what it means if the log is silent for longer. */
interface Wait {
  readonly code: 'SERVER_DIED' | 'WRONG_SERVER';
  readonly limit_ms: number;
  readonly what: string;
}

/** Throws STOPPED, what the child's `check` throws, or the code of the wait if the log was silent for too long. */
type Look = (wait: Wait) => Promise<void>;

/** Counts how long the log has not grown, in steps of at most a second, so that sleep does not count. */
function silenceWatch(child: Child): Look {
  let length = -1;
  let silent_ms = 0;
  let last = performance.now();
  return async ({ code, limit_ms, what }) => {
    if (child.signal.aborted) throw new StageError('STOPPED', 'the model server was starting');
    await child.check();
    const now = performance.now();
    const text = await child.log.text();
    silent_ms = text.length === length ? silent_ms + Math.min(1000, now - last) : 0;
    length = text.length;
    last = now;
    if (silent_ms > limit_ms)
      throw new StageError(code, `${what}, and its log has not grown for ${Math.ceil(limit_ms / 60_000)} min`);
  };
}
