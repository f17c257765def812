import { setTimeout as delay } from 'node:timers/promises';
import { Redis, type RedisOptions } from 'ioredis';
import { type Refusal, refusalOf, silenceOf } from '../../core/broker/refusal.ts';

/** What a broker reports about itself, or null: hosted ones refuse CONFIG, and an ACL may refuse INFO. */
export interface BrokerFacts {
  readonly version: string | null;
  /** `maxmemory-policy` */
  readonly policy: string | null;
  /** `appendonly`: true if writes reach the disk. */
  readonly appends: boolean | null;
  /** Bytes left below `maxmemory`, or null without a limit. */
  readonly room: number | null;
  /** False if its ACL does not let this user ask. */
  readonly informs: boolean;
}

export interface BrokerProbe {
  readonly facts: BrokerFacts | null;
  /** Null if it accepted a write under our prefix. */
  readonly refusal: Refusal | null;
  /** It is reading its files, and will answer afterwards. */
  readonly loading: boolean;
}

const limit_ms = 4000;
/** For connections, queues and kept jobs, and more than the measurement itself changes. */
const leastRoom = 4 * 2 ** 20;

/** What the script that adds a job does: each of these types, over two keys, which a cluster keeps in two slots. */
const write = `
for _, call in ipairs({ {'set', '1'}, {'hset', 'a', '1'}, {'zadd', '1', 'a'}, {'rpush', 'a'}, {'xadd', '*', 'a', '1'} }) do
  redis.call(call[1], KEYS[1], unpack(call, 2))
  redis.call('del', KEYS[1])
end
return redis.call('exists', KEYS[2])`;

/** Writes under the prefix as adding a job does, and waits for a missing job. Throws the broker's error reply. */
export async function writeOnce(redis: Redis, prefix: string): Promise<void> {
  await redis.eval(write, 2, `${prefix}:check`, `${prefix}:check:2`);
  // A worker waits for a job like this, which is another permission in an ACL.
  await redis.bzpopmin(`${prefix}:check`, 0.001);
}

/** Options of a connection that is closed after a call or two. */
export const forOneCall = (connectTimeout: number): RedisOptions => ({
  lazyConnect: true,
  retryStrategy: () => null,
  maxRetriesPerRequest: 0,
  connectTimeout,
  // ioredis keeps a timer for this long after `disconnect()` on a closed socket, which keeps the process alive.
  disconnectTimeout: 50,
  // It sends INFO, which an ACL may refuse, and without a time limit.
  enableReadyCheck: false,
});

/** Connects as the queues will, on a connection of its own, and writes once under the prefix. Takes seconds at most. */
export async function probeBroker(connection: RedisOptions, prefix: string): Promise<BrokerProbe> {
  const { db = 0, ...rest } = connection;
  const redis = new Redis({ ...rest, ...forOneCall(limit_ms) });
  let broken: Error | null = null;
  redis.on('error', (error: Error) => {
    broken ??= error; // says more than what the rejected call says: "Connection is closed."
  });
  try {
    await within(redis.connect());
    // Not left to ioredis, which continues in database 0 if this fails.
    await within(redis.select(db));
    await within(writeOnce(redis, prefix));
    const facts = await factsOf(redis);
    return { facts, refusal: roomRefusal(facts), loading: false };
  } catch (error) {
    const { message } = isReply(error) ? error : (broken ?? (error as Error));
    const refusal = isReply(error) ? refusalOf(message) : silenceOf(message);
    return { facts: null, refusal, loading: message.startsWith('LOADING') };
  } finally {
    redis.disconnect();
  }
}

/** The queues themselves would reach this limit: it is better to report it now than at night. */
function roomRefusal({ room, policy }: BrokerFacts): Refusal | null {
  if (room === null || policy !== 'noeviction' || room >= leastRoom) return null;
  const what = `its memory is almost full (${Math.max(0, Math.floor(room / 1024))} KB are left below maxmemory, phasebox needs ${leastRoom / 1024} KB)`;
  return { ...refusalOf('OOM'), what };
}

/** An error that the broker sent: it answers, and refuses. */
export const isReply = (error: unknown): error is Error => error instanceof Error && error.name === 'ReplyError';

/** A call that was not answered in time. It may still be. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/** Rejects if a call has not been answered in seconds, since ioredis keeps one for as long as the broker is away. */
export async function within<T>(call: Promise<T>): Promise<T> {
  const over = new AbortController();
  // The second pause is for an answer that has arrived unread, after the machine slept.
  const pause = (ms: number): Promise<void> => delay(ms, undefined, { signal: over.signal });
  const late = pause(limit_ms)
    .then(() => pause(100))
    .then(() => {
      throw new NoAnswer(`no answer within ${limit_ms / 1000} s`);
    });
  late.catch(() => undefined); // aborted: the call came first
  try {
    return await Promise.race([call, late]);
  } finally {
    over.abort();
  }
}

async function factsOf(redis: Redis): Promise<BrokerFacts> {
  const info = await within(redis.info()).catch((error: unknown) => {
    if (isReply(error)) return null;
    throw error;
  });
  const field = (name: string): string | null =>
    new RegExp(`^${name}:(.*)$`, 'm').exec(info ?? '')?.[1]?.trim() ?? null;
  const limit = Number(field('maxmemory') ?? 0);
  return {
    version: field('valkey_version') ?? field('redis_version'),
    policy: field('maxmemory_policy'),
    appends: field('aof_enabled') === null ? null : field('aof_enabled') === '1',
    room: limit === 0 ? null : limit - Number(field('used_memory') ?? 0),
    informs: info !== null,
  };
}
