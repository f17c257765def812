import { randomBytes } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StageError } from '../../core/errors.ts';
import { requestModel } from '../../core/score/chat.ts';
import { askModel, get } from './chat.ts';
import type { Child, ServerStart } from './server-child.ts';

const poll_ms = 50;
const taken = /Address already in use|EADDRINUSE|\[Errno (?:48|98)\]/;

/** Python with mlx_lm may need a minute from a cold disk, but never five. */
const startSilence_ms = 5 * 60_000;
/** A model that loads more slowly than this cannot be used anyway. */
const slowestLoad_bytes_s = 20e6;
/** How long another server may answer on our port while our child neither reports that it lost the port nor gets it. */
const strangerPatience_ms = 60_000;

/** `nonce` is in the child's own log and verifies it. It is null if the child lost its port to another process. */
export interface Readiness {
  readonly nonce: string | null;
}

/** Waits until the model is loaded and the server is verified to be ours. */
export async function awaitReady(child: Child, start: ServerStart): Promise<Readiness> {
  const limit_ms = start.silence_ms ?? startSilence_ms + ((await modelBytes(start.model)) / slowestLoad_bytes_s) * 1000;
  const watch = silenceWatch(child);
  let wait: Wait = { code: 'SERVER_DIED', limit_ms, what: 'it does not answer' };
  for (;;) {
    // Checked first and last: mlx_lm's server lives on without its port, in the thread that generates. Others end.
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

/** Bytes of the files to load. Links are followed, since the Hub's cache consists of them. */
async function modelBytes(folder: string): Promise<number> {
  const sizes = (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/**
 * Requests a page with a name that exists nowhere else. mlx_lm's server logs every request in every version, and logs
 * it before it answers. So the name in our own child's log verifies that the answer was its own.
 */
async function proveIdentity(child: Child): Promise<{ readonly nonce: string } | 'stranger' | 'none'> {
  const nonce = randomBytes(16).toString('hex');
  try {
    const signal = AbortSignal.any([child.signal, AbortSignal.timeout(5000)]);
    if ((await get(`${child.url}/health`, signal)).status !== 200) return 'none';
    await get(`${child.url}/phasebox-${nonce}`, signal);
  } catch {
    // Refused, reset or silent: it is not up yet. The watch on process and log reports if it never will be.
    return 'none';
  }
  return (await child.log.text()).includes(nonce) ? { nonce } : 'stranger';
}

/**
 * The server answers before its model is loaded (both 0.30 and 0.32 load in a thread). One token is requested without a
 * limit of its own, so that no prompt's time-out is spent on loading.
 */
async function warmUp(child: Child, watch: SilenceWatch, wait: Wait): Promise<void> {
  const loaded = new AbortController();
  const body = { model: requestModel, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 1, temperature: 0 };
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
  // The log of a failed load says more than "HTTP 404".
  await watch.look(wait);
  const reply = await asked;
  if (reply.error !== null) throw new StageError('SERVER_DIED', `its first answer was ${reply.error}`);
}

/** What it waits for, how long the log may be silent, and what it means if the log is silent for longer. */
interface Wait {
  readonly code: 'SERVER_DIED' | 'WRONG_SERVER';
  readonly limit_ms: number;
  readonly what: string;
}

interface SilenceWatch {
  /** Throws STOPPED, what the child's `check` throws, or the code of the wait if the log was silent for too long. */
  look(wait: Wait): Promise<void>;
}

/** Counts how long the log has not grown, in steps of at most a second, so that sleep does not count. */
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
