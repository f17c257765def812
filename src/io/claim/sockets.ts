import { once } from 'node:events';
import { mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createWhole, hasCode, ifThere, readText, writeWhole } from '../disk/files.ts';
import { isPrivate } from '../host/user-cache.ts';

/** macOS refuses socket paths from 104 bytes on, Linux from 108. */
const longestSocketPath = 100;
/** The longest name that is needed: `s.` and a nonce. */
const room = 14;

/** A folder for unix sockets: .phasebox/, or a private one in the temp folder, noted there, if paths in it are too long. */
export async function socketFolder(state: string): Promise<string> {
  if (Buffer.byteLength(state) + room <= longestSocketPath) return state;
  const note = join(state, 'sockets');
  const noted = await readText(note);
  if (noted !== null && (await isOurs(noted))) return noted;
  const folder = await mkdtemp(join(tmpdir(), 'phasebox-'));
  if (noted !== null) {
    await writeWhole(note, folder);
    return folder;
  }
  // The first process names the folder: all processes of the workspace must use the same one.
  if (await createWhole(note, folder)) return folder;
  await rmdir(folder);
  return socketFolder(state);
}

/** The note is untrusted data: only a folder of ours is used. It is made again after a reboot, which empties the temp folder. */
async function isOurs(noted: string): Promise<boolean> {
  if (!/^\/.*\/phasebox-\w{6}$/.test(noted)) return false;
  if (dirname(noted) === tmpdir()) await mkdir(noted, { mode: 0o700 }).catch(ifThere(undefined));
  return isPrivate(noted);
}

/** True for the path of a socket that a claim of ours may name: `s.` and a nonce (0.1.0: a pid), in this folder. */
export const isSocketName = (path: string, folder: string): boolean =>
  dirname(path) === folder && /^s\.[0-9a-f]{1,12}$/.test(basename(path));

/** A socket that answers as long as this process lives. It does not keep the process from ending. */
export interface LiveSocket {
  close(): Promise<void>;
}

/** Further connections are closed at once, so that a flood cannot use up all file handles of `up`. */
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
  server.listen(path);
  await once(server, 'listening');
  server.unref();
  return { close: () => new Promise((resolve) => server.close(() => resolve())) };
}

/**
 * True while a process listens on a path: the kernel answers, so no pid or clock can be wrong. Only an error that says
 * so counts as dead: a stopped process has a full queue. The socket of another user (a command that was run with sudo)
 * gives no answer, so its process `pid` is looked up instead.
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
      else resolve(!hasCode(error, ...noListener));
    });
  });
}

/** The errors of `connect` that say that no process listens. */
const noListener = ['ECONNREFUSED', 'ENOENT', 'ENOTSOCK', 'ENOTDIR'];

/** True while a process has this pid, whatever its name: if a living owner counted as dead, there would be two owners. */
function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return !hasCode(error, 'ESRCH');
  }
}
