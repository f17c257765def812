import { randomBytes } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StageError } from '../../core/errors.ts';
import { servedModel } from '../../core/score/chat.ts';
import { askModel, get } from './chat.ts';
import type { Child, ServerStart } from './server-child.ts';

const poll_ms = 50;
const taken = /Address already in use|EADDRINUSE|\[Errno (?:48|98)\]/;

/** Python with mlx_lm may need a minute from a cold disk, never five; */
const startSilence_ms = 5 * 60_000;
/** a model that comes slower than this from its disk is not going to be used. */
const slowestLoad_bytes_s = 20e6;
/** Someone else answers on our port and our child neither says that it lost it nor gets it. */
const strangerPatience_ms = 60_000;

/** `nonce`: what proved it, in the child's own log; null: the child lost its port to someone else. */
export interface Readiness {
  readonly nonce: string | null;
}

/** Waits until the model is loaded and the server is proven ours. */
export async function awaitReady(child: Child, start: ServerStart): Promise<Readiness> {
  const limit_ms = start.silence_ms ?? startSilence_ms + ((await modelBytes(start.model)) / slowestLoad_bytes_s) * 1000;
  const watch = silenceWatch(child);
  let wait: Wait = { code: 'SERVER_DIED', limit_ms, what: 'it does not answer' };
  for (;;) {
    // Looked at first and last: mlx_lm's server lives on without its port, in the thread that generates; others end.
    const lost = async (): Promise<boolean> => taken.test(await child.log.text());
    if (await lost()) return { nonce: null };
    try {
      await watch.look(wait);
    } catch (error) {
      if (!child.signal.aborted && (await lost())) return { nonce: null };
      throw error;
    }
    const proof = await proveIdentity(child);
    if (typeof proof === 'object') {
      await warmUp(child, watch, { code: 'SERVER_DIED', limit_ms, what: 'its model is not loaded' });
      return proof;
    }
    if (proof === 'stranger') wait = { ...stranger(child), limit_ms: Math.min(limit_ms, strangerPatience_ms) };
    await delay(poll_ms);
  }
}

const stranger = (child: Child): Omit<Wait, 'limit_ms'> => ({
  code: 'WRONG_SERVER',
  what: `${child.url} answers, but what it was asked is not in ${child.tool.log}`,
});

/** Bytes of the files that are loaded; links are followed, as the Hub's cache consists of them. */
async function modelBytes(folder: string): Promise<number> {
  const sizes = (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/**
 * Asks for a page with a name that exists nowhere else. mlx_lm's server logs every request in every version, and it
 * logs before it answers: the name in our own child's log proves whose answer it was.
 */
async function proveIdentity(child: Child): Promise<{ readonly nonce: string } | 'stranger' | 'nobody'> {
  const nonce = randomBytes(16).toString('hex');
  try {
    const signal = AbortSignal.any([child.signal, AbortSignal.timeout(5000)]);
    if ((await get(`${child.url}/health`, signal)).status !== 200) return 'nobody';
    await get(`${child.url}/phasebox-${nonce}`, signal);
  } catch {
    // Refused, reset or silent: not up yet. Whether it ever will be is what the watch on process and log says.
    return 'nobody';
  }
  return (await child.log.text()).includes(nonce) ? { nonce } : 'stranger';
}

/**
 * The server answers before its model is loaded (both 0.30 and 0.32 load in a thread): one token is asked for, without
 * a limit of its own, so that no prompt's time-out is spent on loading.
 */
async function warmUp(child: Child, watch: SilenceWatch, wait: Wait): Promise<void> {
  const loaded = new AbortController();
  const body = { model: servedModel, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 1, temperature: 0 };
  const asked = askModel(
    { body, timeout_s: Number.POSITIVE_INFINITY, retries: 0 },
    { url: child.url, signal: AbortSignal.any([child.signal, loaded.signal]), broken: child.broken },
  );
  let over = false;
  const settled = asked.then(
    () => {
      over = true;
    },
    () => {
      over = true;
    },
  );
  try {
    while (!over) {
      await watch.look(wait);
      await Promise.race([settled, delay(poll_ms)]);
    }
  } finally {
    loaded.abort();
    await settled;
  }
  // What the log says about a failed load tells more than "HTTP 404".
  await watch.look(wait);
  const reply = await asked;
  if (reply.error !== null) throw new StageError('SERVER_DIED', `its first answer was ${reply.error}`);
}

/** What is waited for, how long without a new line in the log, and what it means when that time is over. */
interface Wait {
  readonly code: 'SERVER_DIED' | 'WRONG_SERVER';
  readonly limit_ms: number;
  readonly what: string;
}

interface SilenceWatch {
  /** Throws STOPPED, what the child's `check` throws, or the code of the wait when the log was silent for too long. */
  look(wait: Wait): Promise<void>;
}

/** Counts how long the log has not grown, in steps of at most a second: time asleep is none. */
function silenceWatch(child: Child): SilenceWatch {
  let length = -1;
  let silent_ms = 0;
  let last = performance.now();
  return {
    async look({ code, limit_ms, what }) {
      if (child.signal.aborted) throw new StageError('STOPPED', 'the model server was starting');
      await child.check();
      const now = performance.now();
      const text = await child.log.text();
      silent_ms = text.length === length ? silent_ms + Math.min(1000, now - last) : 0;
      length = text.length;
      last = now;
      if (silent_ms > limit_ms)
        throw new StageError(code, `${what}, and its log has not grown for ${Math.ceil(limit_ms / 60_000)} min`);
    },
  };
}
