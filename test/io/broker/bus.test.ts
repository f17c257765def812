import { Queue } from 'bullmq';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import type { Due } from '../../../src/core/run/due.ts';
import { type Broker, givenBroker, openBroker } from '../../../src/io/broker/broker.ts';
import { type Bus, brokerPrefix, openBus } from '../../../src/io/broker/bus.ts';
import { type Delivery, PutBack } from '../../../src/io/broker/consumer.ts';
import { openRetryClock } from '../../../src/io/broker/retry-clock.ts';
import { freePort } from '../../../src/io/server/server-child.ts';
import { workspaceId } from '../../../src/io/workspace/state-files.ts';
import { openWorkspace, type Workspace } from '../../../src/io/workspace/workspace.ts';
import { endBroker, startBroker, tellBroker } from '../../helpers/broker.ts';
import { tempDir, waitFor } from '../../helpers/temp.ts';

const silent = { debug: () => undefined, warn: () => undefined };
const due = (attempt: number, notBefore: number | null = null): Due => ({
  event: { run: 'p-s0', stage: 'train', attempt },
  notBefore,
});
const clock = openRetryClock({ retry_pause_s: [30] });
const always = async (): Promise<boolean> => true;

describe('the bus, on a broker of its own', () => {
  let workspace: Workspace;
  let broker: Broker;
  let bus: Bus;
  let queues: readonly Queue[];
  const taken: number[] = [];

  beforeEach(async () => {
    workspace = await openWorkspace(await tempDir('bus'), 'create');
    broker = await openBroker(workspace, () => undefined);
    const id = await workspaceId(workspace.state);
    bus = openBus(broker, { id, log: silent, clock });
    const settings = { connection: { path: String(broker.connection.path) }, prefix: brokerPrefix(id) };
    queues = ['train', 'runs'].map((name) => new Queue(name, settings).on('error', () => undefined));
    taken.length = 0;
  });
  afterEach(async () => {
    await Promise.all(queues.map((one) => one.close()));
    await bus.close();
    await broker.close();
  });

  const attemptOf = ({ data }: Delivery): number => (data as { attempt: number }).attempt;
  const train = (handle?: (delivery: Delivery) => Promise<unknown>) => {
    const consumer = bus.consume('train', async (delivery) => {
      taken.push(attemptOf(delivery));
      return handle?.(delivery);
    });
    consumer.open();
    return consumer;
  };
  const queue = () => queues[0]!;

  it('delivers an event once, however often it is emitted, and keeps the job by its name for the board', async () => {
    await bus.emit(due(1));
    await bus.emit(due(1));
    train();
    await waitFor('the job', async () => (await queue().getCompletedCount()) === 1);
    await bus.emit(due(1));
    await bus.emit(due(2));
    await waitFor('the second attempt', () => taken.includes(2));
    expect(taken).to.deep.equal([1, 2]);
    expect((await queue().getJob('p-s0-train-a1'))?.name).to.equal('p-s0');
  });

  it('waits for the time of a retry', async () => {
    train();
    const at = Date.now() + 300;
    await bus.emit(due(1, at));
    await waitFor('the job', () => taken.length === 1);
    expect(Date.now()).to.be.greaterThan(at - 5);
  });

  it('ensures a job that was lost, replaces a kept one if it is still due, leaves a pending one alone', async () => {
    await bus.ensure(due(1), always);
    await bus.ensure(due(1), always);
    expect(await queue().getWaitingCount()).to.equal(1);
    train();
    await waitFor('the job', async () => (await queue().getCompletedCount()) === 1);
    await bus.ensure(due(1), async () => false);
    expect(taken).to.deep.equal([1]);
    await bus.ensure(due(1), always);
    await waitFor('the job again', () => taken.length === 2);
  });

  it('takes away what an earlier process had active, so that it can be emitted again at once', async () => {
    let finish: () => void = () => undefined;
    // The job that is emitted again may be delivered before the bus is closed. Closing waits for its handler.
    train(async () => (taken.length > 1 ? undefined : new Promise<void>((resolve) => (finish = resolve))));
    await bus.emit(due(1));
    await waitFor('the job', () => taken.length === 1);
    await bus.ensure(due(1), always);
    expect(await queue().getWaitingCount()).to.equal(0);
    await bus.dropActive();
    expect(await queue().getActiveCount()).to.equal(0);
    await bus.ensure(due(1), always);
    expect(await queue().getWaitingCount()).to.equal(1);
    finish();
  });

  it('makes a job red for good when its handler throws, with the lines that it threw', async () => {
    train(async () => {
      const error = new Error('NAN_LOSS: it is not a number');
      error.stack = 'NAN_LOSS: it is not a number\nlast line of the log';
      throw error;
    });
    await bus.emit(due(1));
    await waitFor('the failed job', async () => (await queue().getFailedCount()) === 1);
    const job = await queue().getJob('p-s0-train-a1');
    expect(job?.failedReason).to.equal('NAN_LOSS: it is not a number');
    expect(job?.stacktrace?.at(-1)).to.include('last line of the log');
    expect(taken).to.deep.equal([1]);
  });

  it('puts a job back at the wish of its handler', async () => {
    let refuse = true;
    const consumer = bus.consume('runs', async () => {
      if (!refuse) return 'admitted';
      await consumer.pause();
      throw new PutBack();
    });
    consumer.open();
    await bus.ensureAdmission(1);
    const runs = queues[1]!;
    await waitFor(
      'the job to be back',
      async () => (await runs.getWaitingCount()) === 1 && (await runs.getActiveCount()) === 0,
    );
    refuse = false;
    consumer.open();
    await waitFor('the admission', async () => (await runs.getCompletedCount()) === 1);
  });

  it('continues after a wipe: board writes are dropped, new jobs are taken', async () => {
    const redis = new Redis(broker.connection);
    train(async ({ board }) => {
      await redis.flushall();
      board.log('a line');
      board.progress({ iteration: 1 });
      return 'done';
    });
    await bus.emit(due(1));
    await waitFor('the first', () => taken.length === 1);
    await waitFor('the second', async () => {
      await bus.ensure(due(2), always);
      return taken.includes(2);
    });
    redis.disconnect();
  });

  it('is in doubt when the broker was away, and starts its own again', async () => {
    let doubts = 0;
    bus.onDoubt(() => doubts++);
    train();
    const redis = new Redis({ ...broker.connection, retryStrategy: () => null, maxRetriesPerRequest: 0 });
    redis.on('error', () => undefined);
    await redis.shutdown('NOSAVE').catch(() => undefined);
    redis.disconnect();
    await waitFor('doubt', () => doubts > 0);
    await bus.ensure(due(1), always);
    await waitFor('the job', () => taken.length === 1);
  });
});

describe('two workspaces on one broker', () => {
  it('never take each other’s jobs', async () => {
    const [one, two] = await Promise.all(
      ['one', 'two'].map(async (name) => openWorkspace(await tempDir(name), 'create')),
    );
    if (one === undefined || two === undefined) throw new Error('two workspaces');
    const broker = await openBroker(one, () => undefined);
    const buses = await Promise.all(
      [one, two].map(async ({ state }) => openBus(broker, { id: await workspaceId(state), log: silent, clock })),
    );
    const taken: string[] = [];
    for (const [index, bus] of buses.entries()) bus.consume('train', async () => taken.push(`bus ${index}`)).open();
    await buses[1]?.emit(due(1));
    await waitFor('the job', () => taken.length > 0);
    await buses[0]?.emit(due(2));
    await waitFor('the other', () => taken.length > 1);
    expect(taken).to.deep.equal(['bus 1', 'bus 0']);
    for (const bus of buses) await bus.close();
    await broker.close();
  });
});

describe('a broker whose password is changed at night', () => {
  it('is away, and says why, until the old one is right again', async () => {
    const port = await freePort();
    const server = await startBroker(port);
    const password = (word: string) =>
      tellBroker(port, 'ACL', 'SETUSER', 'bob', 'on', 'resetpass', `>${word}`, '~*', '+@all');
    await password('s3cret-pass');
    const lines: string[] = [];
    const note = (line: string): void => void lines.push(line);
    const given = givenBroker(`redis://bob:s3cret-pass@127.0.0.1:${port}`, note);
    const bus = openBus(given, { id: 'night', log: { debug: note, warn: note }, clock });
    try {
      expect(await bus.look()).to.equal(null);
      await password('another');
      await tellBroker(port, 'CLIENT', 'KILL', 'USER', 'bob');
      const refusal = await waitFor('the refusal', async () => {
        const seen = await bus.look();
        expect(seen?.what ?? '').not.to.contain('closed the connection at once');
        return seen?.what.includes('WRONGPASS') ? seen : null;
      });
      expect(refusal.kind).to.equal('away');
      await bus.emit(due(1)); // left to whoever looks when it is back
      await password('s3cret-pass');
      await waitFor('the first write', async () => (await bus.look()) === null);
      expect(lines.join('\n')).to.contain('WRONGPASS').and.not.contain('s3cret-pass');
    } finally {
      await bus.close();
      await endBroker(server);
    }
  });
});
