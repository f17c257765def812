import { join } from 'node:path';
import { Queue } from 'bullmq';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { config } from '../helpers/chain.ts';
import { crashChain, expectNothingLost } from '../helpers/crash.ts';
import { waitFor } from '../helpers/temp.ts';

/* What the queue delivers is a hint: a job of yesterday, of a run that waits, of an attempt that is over. */

describe('events that are not due', () => {
  it('do nothing, whatever they say', async () => {
    const chain = await crashChain();
    try {
      await chain.write('inbox/p.yaml', config('p'));
      await chain.write('inbox/q.yaml', config('q', { scene: { fuse_direct: { hold: 'go' } } }));
      await chain.write('inbox/r.yaml', config('r'));
      const up = await chain.up();
      await waitFor('the fuse of q', async () => (await chain.calls('fuse_direct')).length === 2);
      const before = (await chain.calls()).length;
      const connection = new Redis({ path: join(chain.root, '.phasebox/broker.sock'), maxRetriesPerRequest: null });
      const prefix = `phasebox:${(await chain.read('.phasebox/id')).trim()}`;
      const queue = new Queue('train', { connection, prefix, skipVersionCheck: true });
      const stale = [
        ...[1, 2].map((attempt) => ({ run: 'p-s0', stage: 'train', attempt })),
        ...['q-s0', 'r-s0', 'nobody-s0'].map((run) => ({ run, stage: 'train', attempt: 1 })),
      ];
      const jobs = await queue.addBulk(
        stale.map((data, index) => ({ name: data.run, data, opts: { jobId: `stale-${index}` } })),
      );
      const tools = async () => (await chain.calls()).length;
      for (const job of jobs)
        await waitFor(
          `an answer to ${job.id}`,
          async () => ['completed', 'failed'].includes(await job.getState()) || (await tools()) > before,
        );
      expect(await tools(), 'no tool was started').to.equal(before);
      await chain.release('go');
      for (const run of ['p-s0', 'q-s0', 'r-s0']) await chain.row(run);
      await queue.close();
      connection.disconnect();
      expect(await up.stop()).to.equal(0);
      await expectNothingLost(chain, ['p-s0', 'q-s0', 'r-s0'], ['check_data', 'lora', 'fuse_direct', 'serve']);
    } finally {
      await chain.remove();
    }
  });
});
