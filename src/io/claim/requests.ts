import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { messageOf } from '../../core/errors.ts';
import { parsedOrNull } from '../../core/json.ts';
import { openKeyedLock } from '../../core/keyed-lock.ts';
import {
  answer as answerLine,
  type Request,
  type RequestAnswer,
  request as requestLine,
  type SubmittedFile,
} from '../../events/request.ts';
import { hasCode } from '../disk/files.ts';

/* Requests and answers as JSON lines on the owner's socket. */

/** The incoming lines, until the other side closes. Throws at one that is longer than `longest` bytes. */
export async function* linesOf(socket: Socket, longest = Number.POSITIVE_INFINITY): AsyncGenerator<string> {
  let [begun, size]: [Buffer[], number] = [[], 0];
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      yield Buffer.concat([...begun, chunk.subarray(from, end)]).toString();
      [begun, size, from] = [[], 0, end + 1];
    }
    begun.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > longest) throw new Error(`a line is longer than ${longest} bytes`);
  }
}

const lineOf = (message: object): string => `${JSON.stringify(message)}\n`;

/** A request as the lines to send. */
function* linesOfRequest(request: Request): Generator<string> {
  if (request.kind !== 'submit') return yield lineOf(request);
  const { kind, again, files } = request;
  yield lineOf({ kind, files: files.length, again });
  for (const { name, bytes, problem } of files)
    yield lineOf({ kind: 'file', name, base64: Buffer.from(bytes).toString('base64'), problem });
}

/** The largest line: a config of 1 MB as base64, and its name. */
const longestLine = 2_000_000;
/** All files of one submission together. */
export const mostSubmittedBytes = 256_000_000;

const unknown = 'unknown request: `phasebox up` and the command are of different versions';

/** The complete request, or what is wrong with it. Null if the other side closed before it was complete. */
async function readRequest(lines: AsyncGenerator<string>): Promise<Request | string | null> {
  const first = await nextLine(lines);
  if (first === null || first === 'unknown') return first && unknown;
  if (first.kind === 'file' || first.kind === 'go') return unknown;
  if (first.kind !== 'submit') return first;
  const files: SubmittedFile[] = [];
  for (let bytes = 0; files.length < first.files; bytes += files.at(-1)?.bytes.length ?? 0) {
    const line = await nextLine(lines);
    if (line === null) return null;
    if (line === 'unknown' || line.kind !== 'file') return unknown;
    if (bytes > mostSubmittedBytes) return `more than ${mostSubmittedBytes} bytes at once`;
    files.push({ name: line.name, bytes: Buffer.from(line.base64, 'base64'), problem: line.problem });
  }
  return { kind: 'submit', again: first.again, files };
}

/** True if the command still waits for its request. */
async function confirmed(lines: AsyncGenerator<string>): Promise<boolean> {
  const line = await nextLine(lines);
  return line !== null && line !== 'unknown' && line.kind === 'go';
}

async function nextLine(lines: AsyncGenerator<string>) {
  const { value, done } = await lines.next();
  if (done === true) return null;
  return parsedOrNull(requestLine, value) ?? 'unknown';
}

/** Handles a request. */
export type Handler = (request: Request) => Promise<RequestAnswer>;

export type RequestServer = ReturnType<typeof openRequestServer>;

/** A connection that sends no complete request within this time is closed. */
const silence_ms = 30_000;
/** How long a command has to confirm its request, and to receive the answer. */
const confirm_ms = 5000;

/** Answers commands that connect to the owner's socket, in order. Submissions have a queue of their own: no `cancel` should wait for them. */
export function openRequestServer() {
  const connections = new Map<Socket, Promise<void>>();
  const begun = new Set<Socket>();
  const inTurn = openKeyedLock();
  let setHandler: (handler: Handler | null) => void = () => undefined;
  const handling = new Promise<Handler | null>((resolve) => {
    setHandler = resolve;
  });
  let closed = false;

  async function converse(socket: Socket): Promise<void> {
    socket.setTimeout(silence_ms, () => socket.destroy());
    const lines = linesOf(socket, longestLine);
    const request = await readRequest(lines);
    if (request === null) return;
    if (typeof request === 'string') return reply(socket, { kind: 'error', message: request });
    socket.setTimeout(0);
    await inTurn(request.kind === 'submit' ? 'submit' : 'control', async () => {
      const handler = await handling;
      if (handler === null || closed || socket.destroyed) return;
      socket.write(lineOf({ kind: 'ready' }));
      socket.setTimeout(confirm_ms);
      if (!(await confirmed(lines)) || closed) return;
      socket.setTimeout(0);
      begun.add(socket);
      await reply(socket, await handler(request).catch(failure));
    });
  }

  return {
    /** A new connection. A process that only checks whether the owner is alive sends nothing. */
    serve(socket: Socket): void {
      if (closed) return void socket.destroy();
      const ended = converse(socket)
        .catch(() => undefined) // the command has closed, or what it sent is not a line
        .finally(() => {
          connections.delete(socket);
          begun.delete(socket);
          socket.destroy();
        });
      connections.set(socket, ended);
    },
    /** Requests wait until this is called. */
    handle: (handler: Handler): void => setHandler(handler),
    /** Finishes the requests that have begun. The others do not begin, and their commands see the connection close. */
    async close(): Promise<void> {
      closed = true;
      setHandler(null);
      for (const socket of connections.keys()) if (!begun.has(socket)) socket.destroy();
      await Promise.all(connections.values());
    },
  };
}

const failure = (error: unknown): RequestAnswer => ({ kind: 'error', message: messageOf(error) });

/** Resolves when the answer is sent, or the command has closed. */
function reply(socket: Socket, answer: RequestAnswer): Promise<void> {
  socket.setTimeout(confirm_ms);
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
    socket.end(lineOf(answer), () => resolve());
  });
}

/** The result of sending a request. `not_begun`: nothing was done. `lost`: the owner died after it had begun. */
export type Sent =
  | { readonly kind: 'answered'; readonly answer: RequestAnswer }
  | { readonly kind: 'not_begun' | 'lost' | 'not_allowed' };

/** Sends a request to the owner of a workspace and waits for its answer, however long that takes. */
export async function sendRequest(path: string, request: Request): Promise<Sent> {
  const socket = connect(path);
  let begun = false;
  try {
    await once(socket, 'connect');
    socket.on('error', () => undefined); // seen below, where the lines end
    for (const line of linesOfRequest(request)) socket.write(line);
    for await (const line of linesOf(socket)) {
      const answer = answerLine.parse(JSON.parse(line));
      if (answer.kind !== 'ready') return { kind: 'answered', answer };
      begun = true;
      socket.write(lineOf({ kind: 'go' }));
    }
  } catch (error) {
    if (hasCode(error, 'EACCES', 'EPERM')) return { kind: 'not_allowed' };
    // The owner has ended, or its queue of connections is full.
    if (!(error instanceof Error && 'code' in error)) throw error;
  } finally {
    socket.destroy();
  }
  return { kind: begun ? 'lost' : 'not_begun' };
}
