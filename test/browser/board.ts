import { type Job, Queue, UnrecoverableError, Worker } from 'bullmq';
import { type Dashboard, startDashboard } from '../../src/io/board/dashboard.ts';
import { type BoardQueue, boardQueues } from '../../src/io/broker/board-queues.ts';
import { waitFor } from '../helpers/temp.ts';
import { startBroker, type TestServer } from './valkey.ts';

export const queueNames = ['runs', 'train', 'select', 'fuse', 'quantize', 'cleanup', 'eval', 'results'] as const;
type QueueName = (typeof queueNames)[number];

export interface Board {
  readonly broker: TestServer;
  readonly queues: readonly BoardQueue[];
  readonly dashboard: Dashboard;
  close(): Promise<void>;
}

const trainLog = ['iter 10 of 800: train loss 2.413, 1,460 tokens/s', 'iter 50 of 800: val loss 0.696'];
const failure =
  'GPU_FAULT: The GPU timed out or was reset: mlx_lm fuse ended with code 134\n' +
  '  | Loading weights: 98%\n  | libc++abi: terminating due to uncaught exception: [METAL] Command buffer execution failed';

/** Real queues with what a night leaves in them: 43a-s0 through the chain, fuse failed once, 43b-s0 waiting. */
export async function startBoard(options: { port?: number } = {}): Promise<Board> {
  const broker = await startBroker();
  const settings = { connection: broker.connection, prefix: 'phasebox:test' };
  const queues = queueNames.map((name) => new Queue(name, settings));
  const work = async (job: Job): Promise<void> => {
    if (job.queueName === 'train') for (const line of trainLog) await job.log(line);
    await job.updateProgress(100);
    if (job.id === '43a-s0-fuse-a1') throw new UnrecoverableError(failure);
  };
  const add = (name: QueueName, run: string, attempt = 1): Promise<unknown> => {
    const id = name === 'runs' ? `go-${run}` : `${run}-${name}-a${attempt}`;
    const queue = queues[queueNames.indexOf(name)];
    return queue!.add(run, { run, stage: name, attempt }, { jobId: id });
  };
  const workers = queueNames.map((name) => new Worker(name, work, { ...settings, concurrency: 1 }));
  for (const name of queueNames) if (name !== 'select') await add(name, '43a-s0');
  await add('fuse', '43a-s0', 2);
  await waitFor('all jobs to be over', async () => {
    const counts = await Promise.all(queues.map((queue) => queue.getJobCounts('completed', 'failed')));
    return counts.reduce((sum, { completed = 0, failed = 0 }) => sum + completed + failed, 0) === 8;
  });
  await Promise.all(workers.map((worker) => worker.close()));
  await add('runs', '43b-s0');
  const dashboard = await startDashboard({ queues: boardQueues(queues), host: '127.0.0.1', port: options.port ?? 0 });
  const close = async (): Promise<void> => {
    await dashboard.close();
    await Promise.all(queues.map((queue) => queue.close()));
    await broker.stop();
  };
  return { broker, queues: boardQueues(queues), dashboard, close };
}
