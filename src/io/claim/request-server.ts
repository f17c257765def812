import type { Socket } from 'node:net';
import { messageOf } from '../../core/errors.ts';
import { openKeyedLock } from '../../core/keyed-lock.ts';
import type { Request, RequestAnswer } from '../../events/request.ts';
import { confirmed, lineOf, linesOf, longestLine, readRequest } from './request-lines.ts';

/** Handles a request. */
export type Handler = (request: Request) => Promise<RequestAnswer>;

/** Answers the commands that connect to the owner's socket. */
export interface RequestServer {
  /** A new connection. A process that only checks whether the owner is alive sends nothing. */
  serve(socket: Socket): void;
  /** Requests wait until this is called. */
  handle(handler: Handler): void;
  /** Finishes the requests that have begun. The others do not begin, and their commands see the connection close. */
  close(): Promise<void>;
}

/** A connection that sends no complete request within this time is closed. */
const silence_ms = 30_000;
/** How long a command has to confirm its request, and to receive the answer. */
const confirm_ms = 5000;

/**
 * Requests about runs are handled in their order of arrival. So are submissions, which have a queue of their own, since
 * they may take longer and no `cancel` should wait for them.
 */
export function openRequestServer(): RequestServer {
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
    serve(socket) {
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
    handle: (handler) => setHandler(handler),
    async close() {
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
