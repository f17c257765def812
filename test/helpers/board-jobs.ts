import { join } from 'node:path';
import { Queue } from 'bullmq';
import type { Chain } from './chain.ts';

/** The jobs of a stage as the board shows them once they are over. */
export async function boardJobs(chain: Chain, stage: string) {
  const prefix = `phasebox:${(await chain.read('.phasebox/id')).trim()}`;
  const queue = new Queue(stage, { prefix, connection: { path: join(chain.root, '.phasebox/broker.sock') } });
  try {
    const found = await queue.getJobs(['failed', 'completed']);
    return await Promise.all(
      found.map(async (job) => ({
        ...{ id: job.id, reason: job.failedReason, stack: job.stacktrace, failed: await job.isFailed() },
        log: (await queue.getJobLogs(job.id ?? '')).logs,
      })),
    );
  } finally {
    await queue.close();
  }
}
