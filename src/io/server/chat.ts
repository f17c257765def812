import { request as httpRequest } from 'node:http';
import { StageError } from '../../core/errors.ts';
import { faultText } from '../../core/score/answers.ts';
import { type ChatReply, type ChatRequest, requestModel, tokensAfterTimeout } from '../../core/score/chat.ts';
import { asObject, parseTolerant } from '../../core/score/tolerant-json.ts';
import { watchSleep } from '../host/sleep-watch.ts';

/** The server to ask. */
export interface ChatServer {
  /** http://127.0.0.1:PORT */
  readonly url: string;
  readonly signal: AbortSignal;
  /** Called when the connection broke. Throws if the server's process says why, and returns if it is alive. */
  readonly broken: () => Promise<void>;
  /** Called before a time-out counts as the answer. Throws if the server no longer answers at all. */
  readonly late?: (timeout_s: number) => Promise<void>;
  /** The wall clock, in ms. It is Date.now unless a test simulates sleep. */
  readonly now?: () => number;
}

type Answered = Pick<ChatReply, 'response' | 'error' | 'seconds'>;

type TryResult =
  | { readonly kind: 'answered'; readonly status: number; readonly text: string; readonly seconds: number }
  | { readonly kind: 'slept' }
  | { readonly kind: 'timeout'; readonly seconds: number }
  | { readonly kind: 'broken'; readonly error: Error };

/**
 * Requests one chat completion. After a time-out it is sent again with `tokensAfterTimeout`. A time-out after all
 * retries and HTTP 400 are replies. Throws WRONG_SERVER, CONNECTION_RESET after all retries, TOOL_FAILED for any other
 * HTTP status, STOPPED, and what `late` throws.
 */
export async function askModel(request: ChatRequest, server: ChatServer): Promise<ChatReply> {
  let { body } = request;
  let late = 0;
  for (let failures = 0; ; ) {
    const tried = await tryOnce({ ...request, body }, server);
    const sent = { asked_again: late, max_tokens: tokensOf(body) };
    if (tried.kind === 'answered') return { ...replyOf(tried), ...sent };
    // The machine slept, so the server could not answer: this is retried any number of times.
    if (tried.kind === 'slept') continue;
    if (tried.kind === 'broken') await server.broken();
    failures += 1;
    if (failures <= request.retries) {
      if (tried.kind === 'broken') continue;
      late += 1;
      const tokens = tokensOf(body);
      if (tokens !== undefined) body = { ...body, max_tokens: tokensAfterTimeout(tokens) };
      continue;
    }
    if (tried.kind === 'timeout') {
      await server.late?.(request.timeout_s);
      return { response: null, error: faultText({ kind: 'timeout' }), seconds: tried.seconds, ...sent };
    }
    throw new StageError('CONNECTION_RESET', `${tried.error.message} (${server.url}, tried ${failures} times)`, {
      cause: tried.error,
    });
  }
}

const tokensOf = ({ max_tokens: tokens }: ChatRequest['body']): number | undefined =>
  typeof tokens === 'number' ? tokens : undefined;

async function tryOnce(request: ChatRequest, { url, signal, now = Date.now }: ChatServer): Promise<TryResult> {
  const limit = new AbortController();
  // A longer wait than a timer can hold would fire at once.
  const timer = setTimeout(() => limit.abort(), Math.min(request.timeout_s * 1000, 2 ** 31 - 1));
  const sleep = watchSleep(now);
  const start = now();
  const awake_s = (): number => Math.max(0, now() - start - sleep.slept_ms()) / 1000;
  try {
    const answer = await send(`${url}/v1/chat/completions`, AbortSignal.any([signal, limit.signal]), request.body);
    return { kind: 'answered', ...answer, seconds: awake_s() };
  } catch (error) {
    if (signal.aborted) throw new StageError('STOPPED', 'it was waiting for an answer', { cause: error });
    if (limit.signal.aborted) return sleep.slept_ms() > 0 ? { kind: 'slept' } : { kind: 'timeout', seconds: awake_s() };
    return { kind: 'broken', error: error instanceof Error ? error : new Error(String(error)) };
  } finally {
    clearTimeout(timer);
    sleep.stop();
  }
}

function replyOf({ status, text, seconds }: Extract<TryResult, { kind: 'answered' }>): Answered {
  if (status === 400)
    return { response: null, error: faultText({ kind: 'refused', complaint: complaint(text) }), seconds };
  if (status !== 200)
    throw new StageError('TOOL_FAILED', `the model server answered HTTP ${status}: ${complaint(text)}`);
  const response = parsed(text);
  const model = asObject(response)?.model;
  if (model === requestModel) return { response, error: null, seconds };
  const seen =
    response === undefined ? `with text that is not JSON: ${text.slice(0, 200)}` : `as model ${JSON.stringify(model)}`;
  throw new StageError('WRONG_SERVER', `it answers ${seen}; ${requestModel} was asked for`);
}

function parsed(text: string): unknown {
  try {
    return parseTolerant(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The server's own message: mlx_lm sends `{"error": "..."}`. */
function complaint(text: string): string {
  const error = asObject(parsed(text))?.error;
  return (typeof error === 'string' ? error : text).slice(0, 500);
}

/** GETs a page, or POSTs `body` as JSON. `signal` is the only limit: fetch stops waiting for an answer after 300 s. */
export function send(url: string, signal: AbortSignal, body?: object): Promise<{ status: number; text: string }> {
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const posted = payload && {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': payload.length },
  };
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(url, { ...posted, signal, agent: false }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}
