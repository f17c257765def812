import { Redis, type RedisOptions } from 'ioredis';

/** What a broker says of itself; null: it does not tell (hosted ones refuse CONFIG). */
export interface BrokerFacts {
  readonly version: string | null;
  /** `maxmemory-policy` */
  readonly policy: string | null;
  /** `appendonly`: true when what it is told reaches the disk. */
  readonly appends: boolean | null;
}

/** Asks a living broker. Throws what the connection throws: refused, no such host, wrong password. */
export async function readBrokerFacts(connection: RedisOptions): Promise<BrokerFacts> {
  const redis = new Redis({
    ...connection,
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: 3000,
    commandTimeout: 3000,
  });
  let broken: Error | null = null;
  redis.on('error', (error: Error) => {
    broken = error; // says more than "Connection is closed."
  });
  try {
    await redis.connect();
    await redis.ping();
    const info = await redis.info();
    const field = (name: string): string | null => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim() ?? null;
    return {
      version: field('valkey_version') ?? field('redis_version'),
      policy: field('maxmemory_policy'),
      appends: field('aof_enabled') === null ? null : field('aof_enabled') === '1',
    };
  } catch (error) {
    throw broken ?? error;
  } finally {
    redis.disconnect();
  }
}
