import { spawn } from 'node:child_process';
import { once } from 'node:events';
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
  /** Own broker only: starts it again when it is gone. */
  ensure(): Promise<void>;
  /** Own broker only: ends it; what it holds is on the disk. */
  close(): Promise<void>;
}

const ready_ms = 15_000;
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
  return { connection, where: socket, ensure, close: () => shutdown(connection) };
}

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
  const nothing = async (): Promise<void> => undefined;
  return {
    connection,
    where: `${protocol}//${hostname}:${connection.port}/${connection.db}`,
    ensure: nothing,
    close: nothing,
  };
}

/** True when a server answers PING; one that is still reading its files counts (it will answer). */
async function answers(connection: RedisOptions): Promise<boolean> {
  const redis = new Redis({ ...connection, ...brief, connectTimeout: 2000 });
  redis.on('error', () => undefined); // told by the rejected call below
  try {
    await redis.connect();
    return (await redis.ping()) === 'PONG';
  } catch (error) {
    return error instanceof Error && /LOADING/.test(error.message);
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
  const server = spawn(await brokerBinary(say), argv, { detached: true, stdio: ['ignore', output.fd, output.fd] });
  const ended = once(server, 'exit').then(() => true);
  server.unref();
  await output.close();
  for (const end = performance.now() + ready_ms; !(await answers({ path: socket })); ) {
    const gone = await Promise.race([ended, delay(5, false)]);
    if (gone || performance.now() > end) {
      const tail = ((await readText(log)) ?? '').trim().split('\n').slice(-5).join('\n');
      throw new CommandError(3, `The broker did not start. Its log, ${log}, ends with:\n${tail}`);
    }
  }
}
