import { Redis } from 'ioredis';
import { type Refusal, refusalOf, silenceOf } from '../../core/broker/refusal.ts';
import type { Broker } from './broker.ts';
import { isReply, NoAnswer, within, writeOnce } from './broker-probe.ts';

export interface BrokerLog {
  debug(message: string): void;
  warn(message: string): void;
}

/** Not ioredis's `Connection is closed.`, which also means a server that closes each connection at once. */
const lost = 'the connection was lost';

/**
 * The connection that all queues share. It reconnects without end: one line when the broker goes away and one when it is back. `onReady` is called
 * at each connection, since jobs may have been lost before it. If the own broker has ended, it is started again.
 */
export function connectBroker(broker: Broker, log: BrokerLog, onReady: () => void) {
  const redis = new Redis({
    ...broker.connection,
    maxRetriesPerRequest: null,
    retryStrategy: (times) => Math.min(50 * times, 1000),
  });
  let closed = false;
  let away: { readonly since: number; said: string } | null = null;
  let mending = false;
  redis.on('error', (error) => {
    if (away !== null) away.said = error.message;
    log.debug(`broker: ${broker.hide(error.message)}`);
  });
  redis.on('close', () => {
    if (closed) return;
    if (away === null) {
      away = { since: Date.now(), said: lost };
      const since = new Date(away.since).toISOString();
      log.warn(`the broker at ${broker.where} is away since ${since}; running tools continue`);
    }
    // Each failed try to reconnect comes here again.
    if (mending) return;
    mending = true;
    broker
      .ensure()
      .catch((error: unknown) => log.warn(`the broker could not be started again: ${String(error)}`))
      .finally(() => {
        mending = false;
      });
  });
  redis.on('ready', () => {
    if (away !== null) log.warn(`the broker is back after ${((Date.now() - away.since) / 1000).toFixed(1)} s`);
    away = null;
    onReady();
  });
  return {
    redis,
    /** Since when it has been away, in ms since the epoch. Null if it is connected, or connects for the first time. */
    awaySince: (): number | null => away?.since ?? null,
    /** Writes once under the prefix. Null if it was accepted. */
    async look(prefix: string): Promise<Refusal | null> {
      if (away !== null) return silenceOf(broker.hide(away.said));
      try {
        await whileConnected(redis, within(writeOnce(redis, prefix)));
        return null;
      } catch (error) {
        const said = broker.hide((error as Error).message);
        return isReply(error) ? refusalOf(said) : silenceOf(said);
      }
    },
    close(): void {
      closed = true;
      redis.disconnect();
    },
  };
}

/** ioredis keeps a call across connections. When this connection closes, the call counts as unanswered. */
async function whileConnected<T>(redis: Redis, call: Promise<T>): Promise<T> {
  let onClose: () => void = () => undefined;
  const closed = new Promise<never>((_, reject) => {
    onClose = () => reject(new NoAnswer(lost));
    redis.once('close', onClose);
  });
  call.catch(() => undefined); // the connection closed first
  try {
    return await Promise.race([call, closed]);
  } finally {
    redis.off('close', onClose);
  }
}
