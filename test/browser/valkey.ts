import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { brokerBinary } from '../../src/io/broker/broker-binary.ts';
import { waitFor } from '../helpers/temp.ts';

export type Address = { path: string } | { host: string; port: number };

export interface TestServer {
  readonly folder: string;
  readonly connection: Address;
  /** Killed as by a crash, and started again on what it left on disk. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A real server of its own; `argv` gets the folder it may write to, `connection` says how it is then reached. */
export async function startServer(
  argv: (folder: string) => string[],
  connection: (folder: string) => Address,
): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'phasebox-'));
  const to = connection(folder);
  const start = async (): Promise<() => Promise<void>> => {
    const server = spawn(await brokerBinary(() => undefined), argv(folder), { cwd: folder, stdio: 'ignore' });
    const ended = once(server, 'exit');
    await waitFor('the server to answer', async () => server.exitCode !== null || (await pong(to)));
    if (server.exitCode !== null) throw new Error(`the server ended with code ${server.exitCode}`);
    return async () => {
      server.kill('SIGKILL');
      await ended;
    };
  };
  let kill = await start();
  const restart = async (): Promise<void> => {
    await kill();
    kill = await start();
  };
  const stop = async (): Promise<void> => {
    await kill();
    await rm(folder, { recursive: true, force: true });
  };
  return { folder, connection: to, restart, stop };
}

/** The usual one: on a unix socket, nothing written. */
export function startBroker(): Promise<TestServer> {
  const socket = (folder: string): string => join(folder, 's');
  return startServer(
    (folder) => ['--port', '0', '--unixsocket', socket(folder), '--save', '', '--dir', folder],
    (folder) => ({ path: socket(folder) }),
  );
}

/** True once it says PONG. */
export async function pong(connection: Address): Promise<boolean> {
  const redis = new Redis({ ...connection, lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 });
  redis.on('error', () => undefined); // told by the rejected call below
  try {
    await redis.connect();
    return (await redis.ping()) === 'PONG';
  } catch {
    return false; // not yet: the caller asks again
  } finally {
    redis.disconnect();
  }
}
