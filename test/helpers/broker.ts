import { type ChildProcess, spawn } from 'node:child_process';
import { Redis } from 'ioredis';
import { installedBroker } from '../../src/io/broker/broker-binary.ts';

/** A server of the test's own on a TCP port, nothing of it on the disk. */
export async function startBroker(port: number): Promise<ChildProcess> {
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const server = spawn((await installedBroker())!, settings, { stdio: 'ignore' });
  const redis = new Redis(port, '127.0.0.1', { retryStrategy: () => 20, maxRetriesPerRequest: null });
  redis.on('error', () => undefined); // not up yet
  await redis.ping();
  redis.disconnect();
  return server;
}
