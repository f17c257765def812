import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { installedBroker } from '../../src/io/broker/broker-binary.ts';
import { atTheEnd } from './temp.ts';

/** A server of the test's own on a TCP port, nothing of it on the disk. `more`: more of its settings, or a Sentinel's file. */
export async function startBroker(
  port: number,
  ...more: readonly (string | { sentinel: string })[]
): Promise<ChildProcess> {
  const [first] = more;
  const own = ['--port', String(port), '--bind', '127.0.0.1'];
  const settings =
    typeof first === 'object'
      ? [first.sentinel, ...own, '--sentinel']
      : [...own, '--save', '', '--appendonly', 'no', ...more.map(String)];
  const server = spawn((await installedBroker())!, settings, { stdio: 'ignore' });
  const ended = atTheEnd(() => endBroker(server));
  server.once('exit', ended);
  const redis = new Redis(port, '127.0.0.1', {
    retryStrategy: () => 20,
    maxRetriesPerRequest: null,
    enableReadyCheck: false,
  });
  redis.on('error', () => undefined); // not up yet
  // One that asks for a password, or has lost its primary, answers with an error: it is up.
  await redis.ping().catch(() => 'an error');
  redis.disconnect();
  return server;
}

/** Ends a server and waits for its end. */
export async function endBroker(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  server.kill('SIGKILL');
  await once(server, 'exit');
}

/** Sends a command to a server on a port, as its administrator. */
export async function tellBroker(port: number, command: string, ...args: readonly string[]): Promise<unknown> {
  const redis = new Redis(port, '127.0.0.1', { enableReadyCheck: false });
  redis.on('error', () => undefined); // the rejected call says enough
  try {
    return await redis.call(command, ...args);
  } finally {
    redis.disconnect();
  }
}

/** Does something with the own server of the workspace in `root`; null when no server answers. */
export async function onBroker<T>(root: string, work: (redis: Redis) => Promise<T>): Promise<T | null> {
  const options = { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 };
  const redis = new Redis({ path: join(root, '.phasebox/broker.sock'), ...options });
  redis.on('error', () => undefined); // away: the call below throws
  try {
    await redis.connect();
    return await work(redis);
  } catch {
    return null;
  } finally {
    redis.disconnect();
  }
}

/** The process of that server; null when none answers. */
export const brokerPid = (root: string): Promise<number | null> =>
  onBroker(root, async (redis) => Number(/process_id:(\d+)/.exec(await redis.info('server'))?.[1]));
