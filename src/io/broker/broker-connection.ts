import { Redis } from 'ioredis';
import type { Broker } from './broker.ts';

export interface BrokerLog {
  debug(message: string): void;
  warn(message: string): void;
}

/** The connection that all queues share. */
export interface BrokerConnection {
  readonly redis: Redis;
  close(): void;
}

/**
 * Connects for ever: one line when the broker goes away and one when it is back. `onReady` is called at each
 * connection: jobs may have been lost before it. An own broker that is gone is started again.
 */
export function connectBroker(broker: Broker, log: BrokerLog, onReady: () => void): BrokerConnection {
  const redis = new Redis({
    ...broker.connection,
    maxRetriesPerRequest: null,
    retryStrategy: (times) => Math.min(50 * times, 1000),
  });
  let closed = false;
  let awaySince: number | null = null;
  let mending = false;
  redis.on('error', (error) => log.debug(`broker: ${error.message}`));
  redis.on('close', () => {
    if (closed) return;
    if (awaySince === null) {
      awaySince = Date.now();
      log.warn(`the broker at ${broker.where} is away since ${new Date(awaySince).toISOString()}; running tools go on`);
    }
    // Each try to reconnect that fails comes by here again.
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
    if (awaySince !== null) log.warn(`the broker is back after ${((Date.now() - awaySince) / 1000).toFixed(1)} s`);
    awaySince = null;
    onReady();
  });
  return {
    redis,
    close() {
      closed = true;
      redis.disconnect();
    },
  };
}
