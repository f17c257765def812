import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { Redis } from 'ioredis';
import { CommandError, messageOf } from '../../core/errors.ts';
import { appending, ifAbsent, isOddFile, readText } from '../disk/files.ts';
import { ifDamaged } from '../disk/own-file.ts';
import { commandLine, holdersOf, sendSignal } from '../host/process-facts.ts';
import { isAlive } from '../tool/tool-process.ts';
import { brokerBinary } from './broker-binary.ts';
import { forOneCall } from './broker-probe.ts';

/**
 * The server that `up` starts for a workspace. Like a tool, it holds the fifo .phasebox/broker/alive open. So the
 * kernel reports whether a server is left and which process it is, even if it hangs or its socket was deleted.
 */

/** Where the server of a workspace works and listens. `state` is .phasebox/. */
export interface OwnServer {
  readonly state: string;
  readonly socket: string;
  readonly say: (line: string) => void;
  /** Aborted when it is no longer needed. A server that is starting is stopped, and the signal's reason is thrown. */
  readonly signal: AbortSignal;
}

const ready_ms = 15_000;
/** How long a working server may take to answer. One that is busy for longer is restarted, which loses nothing. */
const answer_ms = 2000;
/** It writes its last lines within this time. Then it is killed, and must be gone. */
const grace_ms = 1000;
const killed_ms = 5000;
const poll_ms = 20;
const remedy =
  'Take it off PATH, or install one that runs here (macOS: brew install valkey; Debian: apt install redis-server), or set REDIS_URL.';

const folderOf = (state: string): string => join(state, 'broker');

/** Uses the server that answers, else starts one. There is never a second one on the same files. */
export async function ensureServer(server: OwnServer): Promise<void> {
  if (await answers(server.socket)) return;
  await endServer(server.state);
  await startServer(server);
}

/** Asks the server to end, and kills it if it does not. */
export async function closeOwnServer({ state, socket }: Pick<OwnServer, 'state' | 'socket'>): Promise<void> {
  const patience_ms = (await shutdown(socket)) ? grace_ms : 0;
  for (const end = performance.now() + patience_ms; performance.now() < end; await delay(poll_ms))
    if (!(await isAlive(folderOf(state)))) return;
  await endServer(state);
}

/** Stops a workspace's server by signals, for its owner. Returns whether there was one. Throws CommandError 3. */
export async function endServer(state: string): Promise<boolean> {
  const folder = folderOf(state);
  if (!(await isAlive(folder))) return false;
  let pids = await serversOf(folder);
  if (pids.length === 0) return false;
  for (const [signal, patience_ms] of [['SIGTERM', grace_ms] as const, ['SIGKILL', killed_ms] as const]) {
    for (const pid of pids) sendSignal(pid, signal);
    for (const end = performance.now() + patience_ms; performance.now() < end; await delay(poll_ms))
      if (!(await isAlive(folder))) return true;
    pids = await serversOf(folder);
    if (pids.length === 0) return true;
  }
  const left = `The broker in ${folder} (pid ${pids.join(', ')})`;
  throw new CommandError(3, `${left} does not answer and cannot be stopped. Restart the computer.`);
}

/** Processes that hold our fifo open and are servers by their command line: a `cat` of it must not be stopped. */
async function serversOf(folder: string): Promise<number[]> {
  const servers: number[] = [];
  for (const pid of await holdersOf(join(folder, 'alive')).catch(ifAbsent([]))) {
    const [program = ''] = ((await commandLine(pid)) ?? '').split(' ');
    if (/^(?:redis|valkey)-/.test(basename(program))) servers.push(pid);
  }
  return servers;
}

/** One call on a connection of its own. */
async function ask<T>(path: string, call: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis({ ...forOneCall(answer_ms), commandTimeout: answer_ms, path });
  redis.on('error', () => undefined); // the rejected call says enough
  try {
    await redis.connect();
    return await call(redis);
  } finally {
    redis.disconnect();
  }
}

/** True if a server answers PING, or is still reading its files (it will answer). */
async function answers(path: string): Promise<boolean> {
  try {
    return (await ask(path, (redis) => redis.ping())) === 'PONG';
  } catch (error) {
    return /LOADING/.test(messageOf(error));
  }
}

/** Without saving: on a full disk, a server that must save refuses to end. False if the server did not answer. */
async function shutdown(path: string): Promise<boolean> {
  let asked = false;
  for (; await answers(path); asked = true) {
    // SHUTDOWN closes the connection: that is its answer.
    await ask(path, (redis) => redis.shutdown('NOSAVE')).catch(() => undefined);
    await delay(poll_ms);
  }
  return asked;
}

/** If it cannot read its files, it starts without them: the queues are filled again from the disk. */
async function startServer(own: OwnServer): Promise<void> {
  const kept = join(folderOf(own.state), 'appendonlydir');
  for (const mayForget of [true, false]) {
    const gone = await tryServer(own);
    if (gone === null) return;
    if (!mayForget || (await lstat(kept).catch(ifAbsent(null))) === null) throw gone;
    own.say(`the broker could not read its files in ${kept}: it starts without them`);
    await rm(kept, { recursive: true });
  }
}

/** Starts a server. Returns the error of a server that ended before it answered, or null if it answers. */
async function tryServer({ state, socket, say, signal }: OwnServer): Promise<CommandError | null> {
  const binary = await brokerBinary(say);
  signal.throwIfAborted();
  const { server, refused } = await spawnServer(binary, { state, socket });
  for (const end = performance.now() + ready_ms; !(await answers(socket)); ) {
    await delay(5);
    if (refused() !== null)
      throw new CommandError(3, `The broker did not start: ${binary} cannot be run (${String(refused())}).\n${remedy}`);
    const gone = server.exitCode !== null || server.signalCode !== null;
    if (!gone && !signal.aborted && performance.now() < end) continue;
    // A script that starts the server is not a server.
    server.kill('SIGKILL');
    await endServer(state);
    signal.throwIfAborted();
    const log = logOf(state);
    const tail = ((await readText(log).catch(ifDamaged(null))) ?? '').trim().split('\n').slice(-5).join('\n');
    const error = new CommandError(3, `The broker did not start. Its log, ${log}, ends with:\n${tail}`);
    if (!gone) throw error;
    return error;
  }
  return null;
}

const logOf = (state: string): string => join(folderOf(state), 'server.log');

/** Something else in its place could block the process that opens it. The broker's folder has nothing of value. */
async function openLog(path: string): Promise<FileHandle> {
  return open(path, appending).catch(async (error: unknown) => {
    if (!isOddFile(error)) throw error;
    await rm(path, { recursive: true });
    return open(path, appending);
  });
}

async function spawnServer(binary: string, { state, socket }: Pick<OwnServer, 'state' | 'socket'>) {
  const folder = folderOf(state);
  await mkdir(folder, { recursive: true });
  const settings = {
    port: '0',
    unixsocket: socket,
    unixsocketperm: '700',
    dir: folder,
    appendonly: 'yes',
    appendfsync: 'everysec',
    save: '',
    'maxmemory-policy': 'noeviction',
    daemonize: 'no',
  };
  const argv = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  await rm(socket, { force: true });
  const fifo = join(folder, 'alive');
  await rm(fifo, { force: true });
  await execa('mkfifo', ['-m', '600', fifo]);
  const [output, alive] = [await openLog(logOf(state)), await open(fifo, constants.O_RDWR | constants.O_NONBLOCK)];
  try {
    // Detached: a child process would receive the terminal's Ctrl-C together with `up`.
    const server = spawn(binary, argv, { detached: true, stdio: ['ignore', output.fd, output.fd, alive.fd] });
    let refused: Error | null = null;
    server.once('error', (error) => {
      refused = error;
    });
    server.unref();
    // `refused`: why it could not be run (another processor, a missing interpreter). No `exit` follows then.
    return { server, refused: (): Error | null => refused };
  } finally {
    await Promise.all([output.close(), alive.close()]);
  }
}
