import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { hasCode } from '../disk/files.ts';

/**
 * Whether a process is alive is checked by connecting to its unix socket: the kernel answers, so no pid or clock can be
 * wrong.
 */

/** A socket that answers as long as this process lives. It does not keep the process from ending. */
export interface LiveSocket {
  close(): Promise<void>;
}

/**
 * The most connections at once. Further ones are closed at once, so that a flood cannot use up all file handles of
 * `up`.
 */
const mostConnections = 256;

/** Listens on a path of our own (under 104 bytes, see `socketFolder`). */
export async function listen(
  path: string,
  onConnection: (socket: Socket) => void = (socket) => socket.resume(),
): Promise<LiveSocket> {
  await rm(path, { force: true });
  const server = createServer((socket) => {
    socket.on('error', () => undefined); // the other side has closed
    onConnection(socket);
  });
  server.maxConnections = mostConnections;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  server.unref();
  return { close: () => close(server) };
}

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

/**
 * True while a process listens on a path. Only an error that says so counts as dead: a stopped process has a full
 * queue. The socket of another user (a command that was run with sudo) gives no answer, so its process `pid` is looked
 * up instead.
 */
export function answers(path: string, pid: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.end();
      resolve(true);
    });
    socket.once('error', (error) => {
      if (hasCode(error, 'EACCES', 'EPERM')) resolve(isThere(pid));
      else resolve(!hasNoListener(error));
    });
  });
}

/** True for an error of `connect` that says that no process listens. */
export const hasNoListener = (error: unknown): boolean =>
  hasCode(error, 'ECONNREFUSED', 'ENOENT', 'ENOTSOCK', 'ENOTDIR');

/**
 * True while a process has this pid, whatever its name: if a living owner counted as dead, there would be two owners.
 */
function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return !hasCode(error, 'ESRCH');
  }
}
