import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { RedisOptions } from 'ioredis';
import { readBrokerUrl } from '../../core/broker/read-url.ts';
import { refusalText } from '../../core/broker/refusal.ts';
import { CommandError } from '../../core/errors.ts';
import { socketFolder } from '../claim/sockets.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { probeBroker } from './broker-probe.ts';
import { closeOwnServer, ensureServer } from './own-server.ts';

/** How to reach the broker, and who started it. */
export interface Broker {
  readonly connection: RedisOptions;
  /** For logs: without the password. */
  readonly where: string;
  /** The same text without the broker's password, since a server may quote what it received. */
  hide(text: string): string;
  /**
   * Writes once under the prefix. Throws CommandError 3 if that is refused: otherwise `up` would wait for it unseen.
   * `signal` stops waiting for a server that reads its data. Returns how to connect to it from now on.
   */
  reach(prefix: string, signal?: AbortSignal): Promise<RedisOptions>;
  /** Own broker only: starts it again if it has ended. */
  ensure(): Promise<void>;
  /** Own broker only: stops it. What it has is on the disk. */
  close(): Promise<void>;
}

const never = new AbortController().signal;

/**
 * REDIS_URL or redis_url if set, else the workspace's own server on a unix socket, which is adopted if it answers and
 * otherwise started. `signal` is aborted when it is no longer needed. Then its reason is thrown, and no server is left.
 */
export async function openBroker(
  workspace: Workspace,
  say: (line: string) => void,
  signal: AbortSignal = never,
): Promise<Broker> {
  const url = workspace.config.redis_url;
  if (url !== undefined) return givenBroker(url, say);
  const { state } = workspace;
  const socket = join(await socketFolder(state), 'broker.sock');
  const connection: RedisOptions = { path: socket };
  await ensureServer({ state, socket, say, signal });
  const down = new AbortController();
  let starting = Promise.resolve();
  const hide = (text: string): string => text;
  return {
    connection,
    where: socket,
    hide,
    reach: (prefix, until) => reachBroker({ connection, where: socket, hide, advice: '', say }, prefix, until),
    ensure() {
      // One after the other. A connection that is lost because the server was closed must not start another one.
      starting = starting
        .catch(() => undefined) // the earlier caller has received it
        .then(() => (down.signal.aborted ? undefined : ensureServer({ state, socket, say, signal: down.signal })));
      return starting;
    },
    async close() {
      down.abort();
      await starting.catch(() => undefined); // the caller has received it
      await closeOwnServer({ state, socket });
    },
  };
}

const nothing = async (): Promise<void> => undefined;

const source = 'REDIS_URL, or redis_url in phasebox.yaml,';
const advice =
  'Else correct redis_url in phasebox.yaml (or REDIS_URL). Without one phasebox starts a broker of its own.';

/** The broker of REDIS_URL or redis_url. Throws CommandError 3 if the URL is not valid. */
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
  // A shorter one cannot be distinguished from ordinary text.
  const hide = (said: string): string =>
    password === null || password.length < 4 ? said : said.replaceAll(password, '[redacted]');
  return {
    connection,
    where,
    hide,
    reach: (prefix, signal) => reachBroker({ connection, where, hide, advice, say }, prefix, signal),
    ensure: nothing,
    close: nothing,
  };
}

const loading_ms = 500;

interface Reached extends Pick<Broker, 'connection' | 'where' | 'hide'> {
  /** What else can be done, apart from repairing this broker. */
  readonly advice: string;
  readonly say: (line: string) => void;
}

async function reachBroker(reached: Reached, prefix: string, signal = never): Promise<RedisOptions> {
  const { connection, where, hide, advice, say } = reached;
  let probe = await probeBroker(connection, prefix);
  if (probe.loading) say(`the broker at ${where} is still reading its data; waiting for it`);
  for (; probe.loading; probe = await probeBroker(connection, prefix)) {
    await delay(loading_ms);
    signal.throwIfAborted();
  }
  if (probe.refusal !== null) {
    const text = refusalText(where, { ...probe.refusal, what: hide(probe.refusal.what) });
    throw new CommandError(3, [text, advice].filter((line) => line !== '').join('\n'));
  }
  // ioredis sends INFO at each connection to see whether it is ready, and complains on stderr if an ACL refuses it.
  return probe.facts?.informs === false ? { ...connection, enableReadyCheck: false } : connection;
}
