import { spawn } from 'node:child_process';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis, type RedisOptions } from 'ioredis';
import { readBrokerUrl } from '../../core/broker/read-url.ts';
import { refusalText } from '../../core/broker/refusal.ts';
import { CommandError } from '../../core/errors.ts';
import { readText } from '../disk/files.ts';
import { socketFolder } from '../workspace/socket-path.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { brokerBinary } from './broker-binary.ts';
import { probeBroker } from './broker-probe.ts';

/** How to reach the broker, and whose it is. */
export interface Broker {
  readonly connection: RedisOptions;
  /** For logs: without the password. */
  readonly where: string;
  /** The same text without the broker's password: a server may quote what it was sent. */
  hide(text: string): string;
  /**
   * Writes once under the prefix; throws CommandError 3 when it is refused: nobody would see `up` wait for it.
   * @returns how to connect to it from now on.
   */
  reach(prefix: string): Promise<RedisOptions>;
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
  if (url !== undefined) return givenBroker(url, say);
  const socket = join(await socketFolder(workspace.state), 'broker.sock');
  const connection: RedisOptions = { path: socket };
  const ensure = async (): Promise<void> => {
    if (!(await answers(connection))) await startOwn({ state: workspace.state, socket, say });
  };
  await ensure();
  const hide = (text: string): string => text;
  const reach = (prefix: string): Promise<RedisOptions> =>
    reachBroker({ connection, where: socket, hide, advice: '', say }, prefix);
  return { connection, where: socket, hide, reach, ensure, close: () => shutdown(connection) };
}

const nothing = async (): Promise<void> => undefined;

const source = 'REDIS_URL, or redis_url in phasebox.yaml,';
const advice =
  'Else correct redis_url in phasebox.yaml (or REDIS_URL). Without one phasebox starts a broker of its own.';

/** The broker of REDIS_URL or redis_url. Throws CommandError 3 when the URL is wrong. */
export function givenBroker(text: string, say: (line: string) => void): Broker {
  const read = readBrokerUrl(text);
  if ('problem' in read) throw new CommandError(3, `${source} is wrong. ${read.problem}`);
  const { host, port, db, username, password, tls, where } = read.url;
  const connection: RedisOptions = {
    host,
    port,
    db,
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
  };
  // A shorter one cannot be told from ordinary text.
  const hide = (said: string): string =>
    password === null || password.length < 4 ? said : said.replaceAll(password, '[redacted]');
  return {
    connection,
    where,
    hide,
    reach: (prefix) => reachBroker({ connection, where, hide, advice, say }, prefix),
    ensure: nothing,
    close: nothing,
  };
}

const loading_ms = 500;

interface Reached {
  readonly connection: RedisOptions;
  readonly where: string;
  readonly hide: Broker['hide'];
  /** What can be done beside mending this broker. */
  readonly advice: string;
  readonly say: (line: string) => void;
}

async function reachBroker(reached: Reached, prefix: string): Promise<RedisOptions> {
  const { connection, where, hide, advice: beside, say } = reached;
  let probe = await probeBroker(connection, prefix);
  if (probe.loading) say(`the broker at ${where} is still reading its data; waiting for it`);
  for (; probe.loading; probe = await probeBroker(connection, prefix)) await delay(loading_ms);
  if (probe.refusal !== null) {
    const text = refusalText(where, { ...probe.refusal, what: hide(probe.refusal.what) });
    throw new CommandError(3, [text, beside].filter((line) => line !== '').join('\n'));
  }
  // ioredis asks INFO at each connection to see whether it is ready, and complains on stderr where an ACL refuses it.
  return probe.facts?.informs === false ? { ...connection, enableReadyCheck: false } : connection;
}

/** True when a server answers PING; one that is still reading its files counts (it will answer). */
async function answers(connection: RedisOptions): Promise<boolean> {
  const redis = new Redis({ ...connection, ...brief, connectTimeout: 2000 });
  redis.on('error', () => undefined); // the rejected call below says enough
  try {
    await redis.connect();
    return (await redis.ping()) === 'PONG';
  } catch (error) {
    return /LOADING/.test((error as Error).message);
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
