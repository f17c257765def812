import { spawn } from 'node:child_process';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis, type RedisOptions } from 'ioredis';
import { CommandError } from '../../core/errors.ts';
import { readText } from '../disk/files.ts';
import { socketFolder } from '../workspace/socket-path.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { brokerBinary } from './broker-binary.ts';

/** How to reach the broker, and whose it is. */
export interface Broker {
  readonly connection: RedisOptions;
  /** For logs: without the password. */
  readonly where: string;
  /** A given broker only: throws CommandError 3 when it does not answer, since nobody would see `up` wait for it. */
  reach(): Promise<void>;
  /** Own broker only: starts it again when it is gone. */
  ensure(): Promise<void>;
  /** Own broker only: ends it; what it holds is on the disk. */
  close(): Promise<void>;
}

const ready_ms = 15_000;
const remedy =
  'Take it off PATH, or install one that runs here (macOS: brew install valkey; Debian: apt install redis-server), or set REDIS_URL.';
/** One call and good-bye. ioredis keeps a timer for this long after `disconnect()` on a closed socket, and the process with it. */
const brief: RedisOptions = {
  lazyConnect: true,
  retryStrategy: () => null,
  maxRetriesPerRequest: 0,
  disconnectTimeout: 50,
};

/** REDIS_URL or redis_url if there is one; else the workspace's own server on a unix socket: adopted if it lives, else started. */
export async function openBroker(workspace: Workspace, say: (line: string) => void): Promise<Broker> {
  const url = workspace.config.redis_url;
  if (url !== undefined) return givenBroker(url);
  const socket = join(await socketFolder(workspace.state), 'broker.sock');
  const connection: RedisOptions = { path: socket };
  const ensure = async (): Promise<void> => {
    if (!(await answers(connection))) await startOwn({ state: workspace.state, socket, say });
  };
  await ensure();
  return { connection, where: socket, reach: nothing, ensure, close: () => shutdown(connection) };
}

const nothing = async (): Promise<void> => undefined;

function givenBroker(url: string): Broker {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (error) {
    throw new CommandError(2, 'redis_url is no URL. Example: redis://:password@127.0.0.1:6379/0', { cause: error });
  }
  const { hostname, port, username, password, pathname, protocol } = parsed;
  if (protocol !== 'redis:' && protocol !== 'rediss:') {
    throw new CommandError(2, `redis_url starts with ${protocol}//; allowed: redis:// and rediss:// (TLS)`);
  }
  const connection: RedisOptions = {
    host: hostname === '' ? '127.0.0.1' : hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? 6379 : Number(port),
    db: Number(pathname.slice(1) || 0),
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
  };
  const where = `${protocol}//${hostname}:${connection.port}/${connection.db}`;
  return { connection, where, reach: () => reachGiven(connection, where), ensure: nothing, close: nothing };
}

async function reachGiven(connection: RedisOptions, where: string): Promise<void> {
  const why = await silence(connection);
  if (why === null) return;
  throw new CommandError(
    3,
    `The broker at ${where} does not answer: ${why}\n` +
      'Start it, or correct redis_url in phasebox.yaml (or REDIS_URL). Without one phasebox starts a broker of its own.',
  );
}

const answers = async (connection: RedisOptions): Promise<boolean> => (await silence(connection)) === null;

/** Null when a server answers PING; one that is still reading its files counts (it will answer). Else why not. */
async function silence(connection: RedisOptions): Promise<string | null> {
  const redis = new Redis({ ...connection, ...brief, connectTimeout: 2000 });
  let broken: Error | null = null;
  redis.on('error', (error: Error) => {
    broken = error; // says more than the rejected call below: "Connection is closed."
  });
  try {
    await redis.connect();
    const said = await redis.ping();
    return said === 'PONG' ? null : `it says ${said}`;
  } catch (error) {
    const { message } = broken ?? (error as Error);
    return /LOADING/.test(message) ? null : message;
  } finally {
    redis.disconnect();
  }
}

/**
 * Its append-only file is flushed, and nothing else is written: asked to save, a server on a full disk refuses to end. What
 * it may still lose is filled again from the disk.
 */
async function shutdown(connection: RedisOptions): Promise<void> {
  while (await answers(connection)) {
    const redis = new Redis({ ...connection, ...brief });
    redis.on('error', () => undefined); // SHUTDOWN closes the connection: that is its answer
    await redis
      .connect()
      .then(
        () => redis.shutdown('NOSAVE'),
        () => undefined,
      )
      .catch(() => undefined);
    redis.disconnect();
    await delay(20);
  }
}

async function startOwn(options: { state: string; socket: string; say: (line: string) => void }): Promise<void> {
  const { state, socket, say } = options;
  const folder = join(state, 'broker');
  await mkdir(folder, { recursive: true });
  const log = join(folder, 'server.log');
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
  const output = await open(log, 'a');
  // Detached: a child of ours would get the terminal's Ctrl-C together with `up`.
  const binary = await brokerBinary(say);
  const server = spawn(binary, argv, { detached: true, stdio: ['ignore', output.fd, output.fd] });
  let refused: Error | null = null; // one for another processor, an interpreter that is not there: no `exit` follows
  server.once('error', (error) => {
    refused = error;
  });
  server.unref();
  await output.close();
  for (const end = performance.now() + ready_ms; !(await answers({ path: socket })); ) {
    await delay(5);
    if (refused !== null)
      throw new CommandError(3, `The broker did not start: ${binary} cannot be run (${String(refused)}).\n${remedy}`);
    const gone = server.exitCode !== null || server.signalCode !== null;
    if (gone || performance.now() > end) {
      const tail = ((await readText(log)) ?? '').trim().split('\n').slice(-5).join('\n');
      throw new CommandError(3, `The broker did not start. Its log, ${log}, ends with:\n${tail}`);
    }
  }
}
