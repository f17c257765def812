import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Refusal } from '../../core/broker/refusal.ts';
import type { Due } from '../../core/run/due.ts';
import { type DueEvent, eventId } from '../../events/events.ts';
import { stageNames } from '../../events/stages.ts';
import type { BoardQueue } from './board-queues.ts';
import type { Broker } from './broker.ts';
import { type BrokerLog, connectBroker } from './broker-connection.ts';
import { isReply, NoAnswer, within } from './broker-probe.ts';
import { type Consumer, type Delivery, openConsumer } from './consumer.ts';
import type { RetryClock } from './retry-clock.ts';

/** One queue per stage, with the name of the stage, so that the dashboard reads like the pipeline. */
export const queueNames = ['runs', ...stageNames, 'results'] as const;
export type QueueName = (typeof queueNames)[number];

const kept = { removeOnComplete: { count: 1000 }, removeOnFail: { count: 5000 } };
/** A job in one of these states is going to run, so nothing is added. */
const pending: ReadonlySet<string> = new Set(['waiting', 'active', 'delayed', 'prioritized']);

export interface Bus {
  /** The broker's address, without its password. */
  readonly where: string;
  /** All queues in the order of the chain, for the dashboard. */
  boardQueues(): Promise<readonly BoardQueue[]>;
  /**
   * Adds the job of an event. Doing so twice is harmless. A broker that refuses or is away causes no error: `onRefused`
   * is called, and what is due is emitted again when the broker accepts it.
   */
  emit(due: Due): Promise<void>;
  /** Adds the job of an event unless it is going to run anyway. `stillDue` is called before anything is replaced. */
  ensure(due: Due, stillDue: () => Promise<boolean>): Promise<void>;
  /** Adds the job in `runs` for the next admission, the `nth` of this workspace, in the same way as `emit`. */
  emitAdmission(nth: number): Promise<void>;
  /** The same unless it is going to run anyway, even if a job of that number is kept. */
  ensureAdmission(nth: number): Promise<void>;
  /** Removes the active jobs of an `up` that has ended, whose locks hold them for seconds. If refused: as `emit`. */
  dropActive(): Promise<void>;
  /** Removes kept jobs of these events, which would make new ones no-ops. True if it did. If refused: as `emit`. */
  forget(events: readonly DueEvent[]): Promise<boolean>;
  /** Takes the jobs of a queue, one at a time. If it throws, the job has failed for good: retries are ours. */
  consume(name: QueueName, handle: (delivery: Delivery) => Promise<unknown>): Consumer;
  /** Called when jobs may have been lost: the connection came back, or locks could not be renewed. */
  onDoubt(listener: () => void): void;
  /** Called when the broker refused what was sent to it. */
  onRefused(listener: () => void): void;
  /** One write under our prefix. Null if the broker accepted it. */
  look(): Promise<Refusal | null>;
  /** Since when the broker has been away, in ms since the epoch. Null if it is not. */
  awaySince(): number | null;
  /** No consumer takes jobs until `release`: one that is refused would ask again at once, without end. */
  hold(): Promise<void>;
  release(): void;
  close(): Promise<void>;
}

/** The prefix of all our keys on a broker. */
export const brokerPrefix = (id: string): string => `phasebox:${id}`;

const admissionId = (nth: number): string => `admission-${nth}`;

/** What a bus needs apart from its broker. `id` is that of the workspace. */
export interface BusParts {
  readonly id: string;
  readonly log: BrokerLog;
  readonly clock: RetryClock;
}

/** Connects to the broker. All keys start with `phasebox:<id>:`. */
export function openBus(broker: Broker, { id, log, clock }: BusParts): Bus {
  const prefix = brokerPrefix(id);
  const doubt = listeners();
  const refused = listeners();
  const { redis: connection, ...link } = connectBroker(broker, log, doubt.call);
  const quiet = (error: Error): void => {
    log.debug(`broker: ${broker.hide(error.message)}`);
    if (isReply(error)) refused.call();
  };
  const { queues, queue } = openQueues(connection, prefix, quiet);
  const add = async (due: Due): Promise<void> => {
    const { event } = due;
    await queue(event.stage).add(event.run, event, { jobId: eventId(event), delay: clock.remaining(due) });
  };
  const admit = async (nth: number): Promise<void> => {
    await queue('runs').add('next run', {}, { jobId: admissionId(nth) });
  };
  const consumers: Consumer[] = [];
  const hearRefusal = (error: unknown): undefined => {
    if (!isReply(error) && !(error instanceof NoAnswer)) throw error;
    log.debug(`broker: ${broker.hide(error.message)}`);
    refused.call();
  };
  const unlessRefused = async <T>(work: () => Promise<T>): Promise<T | undefined> =>
    link.awaySince() === null ? within(work()).catch(hearRefusal) : undefined;
  return {
    where: broker.where,
    boardQueues: async () => (await import('./board-queues.ts')).boardQueues([...queues.values()]),
    emit: (due) => unlessRefused(() => add(due)),
    ensure: (due, stillDue) => {
      const isTime = (): boolean => clock.remaining(due) === 0;
      const how = { stillDue, isTime, add: () => add(due) };
      return within(replaceUnlessPending(queue(due.event.stage), eventId(due.event), how));
    },
    emitAdmission: (nth) => unlessRefused(() => admit(nth)),
    ensureAdmission: (nth) =>
      within(replaceUnlessPending(queue('runs'), admissionId(nth), { ...atOnce, add: () => admit(nth) })),
    dropActive: () => dropActive([...queues.values()], connection).catch(hearRefusal),
    forget: async (events) => (await unlessRefused(() => removeJobs(queue, events))) === true,
    consume(name, handle) {
      const consumer = openConsumer({ name, connection, prefix, kept, handle, quiet, doubt: doubt.call });
      consumers.push(consumer);
      return consumer;
    },
    onDoubt: doubt.add,
    onRefused: refused.add,
    look: () => link.look(prefix),
    awaySince: link.awaySince,
    async hold() {
      await Promise.all(consumers.map((consumer) => consumer.hold()));
    },
    release() {
      for (const consumer of consumers) consumer.release();
    },
    async close() {
      await Promise.all(consumers.map((consumer) => consumer.close()));
      await Promise.all([...queues.values()].map((one) => one.close()));
      link.close();
    },
  };
}

function openQueues(connection: Redis, prefix: string, quiet: (error: Error) => void) {
  const defaultJobOptions = { attempts: 1, ...kept };
  const queues = new Map(
    queueNames.map((name) => {
      const queue = new Queue(name, { connection, prefix, skipVersionCheck: true, defaultJobOptions });
      queue.on('error', quiet);
      return [name, queue] as const;
    }),
  );
  const queue = (name: QueueName): Queue => {
    const found = queues.get(name);
    if (found === undefined) throw new Error(`no queue ${name}`);
    return found;
  };
  return { queues, queue };
}

function listeners() {
  const all: (() => void)[] = [];
  return {
    add: (listener: () => void): void => void all.push(listener),
    call: (): void => {
      for (const listener of all) listener();
    },
  };
}

/** Only for the owner of the workspace, before its consumers are opened: BullMQ refuses to remove what is locked. */
async function dropActive(queues: readonly Queue[], connection: Redis): Promise<void> {
  for (const queue of queues) {
    for (const { id } of await queue.getActive()) {
      if (id === undefined) continue;
      await connection.del(`${queue.toKey(id)}:lock`);
      await queue.remove(id);
    }
  }
}

/** True if one of them existed. */
async function removeJobs(queue: (name: QueueName) => Queue, events: readonly DueEvent[]): Promise<boolean> {
  const removed = await Promise.all(events.map((event) => queue(event.stage).remove(eventId(event))));
  return removed.some((count) => count > 0);
}

interface Replacement {
  readonly stillDue: () => Promise<boolean>;
  readonly add: () => Promise<void>;
  /** Whether a delayed job has waited long enough. */
  readonly isTime: () => boolean;
}

/** A job that is due now, whatever the disk says meanwhile. */
const atOnce = { stillDue: async () => true, isTime: () => true };

/** A kept completed or failed job with this id would make add() a silent no-op, so it is removed first. */
async function replaceUnlessPending(queue: Queue, id: string, { stillDue, add, isTime }: Replacement): Promise<void> {
  const job = await queue.getJob(id);
  if (job !== undefined) {
    const jobState = await job.getState();
    // BullMQ delays by the time of day, so after a clock was set back it would wait for hours.
    if (jobState === 'delayed' && isTime()) return job.promote();
    if (pending.has(jobState)) return;
    if (!(await stillDue())) return;
    await queue.remove(id);
  } else if (!(await stillDue())) return;
  await add();
}
