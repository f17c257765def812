import { rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { hasCode } from '../disk/files.ts';

/* Whether a process lives is asked of a unix socket that it listens on: the kernel answers, no pid or clock can lie. */

/** A socket that answers as long as this process lives; it does not keep the process from ending. */
export interface LiveSocket {
  close(): Promise<void>;
}

/** Listens on a path of our own (under 104 bytes, see `socketFolder`); `onPoke` is called for each poke. */
export async function listen(path: string, onPoke: () => void = () => undefined): Promise<LiveSocket> {
  await rm(path, { force: true });
  const server = createServer((socket) => {
    socket.on('error', () => undefined); // whoever asked has gone
    // Who only looks whether this process lives sends nothing.
    socket.once('data', onPoke);
    socket.resume();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  server.unref();
  return { close: () => close(server) };
}

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

/** What is sent to wake the process that listens. */
export const poke = 'poke\n';

/**
 * True while someone listens on a path. Only an error that says so counts as dead: a stopped process has a full queue.
 * The socket of another user (a command that was run with sudo) says nothing, so its process `pid` is looked up instead. `message` is sent to the process that listens.
 */
export function answers(path: string, pid: number, message = ''): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.end(message);
      resolve(true);
    });
    socket.once('error', (error) => {
      if (hasCode(error, 'EACCES', 'EPERM')) resolve(isThere(pid));
      else resolve(!hasCode(error, 'ECONNREFUSED', 'ENOENT', 'ENOTSOCK', 'ENOTDIR'));
    });
  });
}

/** True while a process has this pid, whatever its name: an owner that is taken for dead would be two owners. */
function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return !hasCode(error, 'ESRCH');
  }
}
