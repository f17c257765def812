import { join } from 'node:path';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { isAlive } from '../../src/io/tool/tool-process.ts';
import { type Chain, config, makeChain } from '../helpers/chain.ts';
import { events, fine, folder, held, status, trains } from '../helpers/control.ts';
import { waitFor } from '../helpers/temp.ts';

const order = async (chain: Chain): Promise<(string | null)[]> => (await chain.calls('lora')).map(({ run }) => run);

describe('pause and resume', () => {
  let chain: Chain;

  beforeEach(async () => {
    chain = await makeChain();
  });
  afterEach(() => chain.remove());

  it('of the workspace: the stage is finished, no other begins; over a restart and FLUSHALL; `--once` says so', async () => {
    const up = await chain.up();
    await chain.write('inbox/p.yaml', config('p', held()));
    await chain.write('inbox/q.yaml', config('q'));
    await trains(chain, 'p-s0');
    await up.says(/phase q, \d+ new run/);
    expect(await fine(chain, 'pause')).to.match(/paused: no new stage starts[\s\S]*p-s0: finishes train first/);
    expect((await status(chain)).of('p-s0')).to.include({ state: 'running', stage: 'train' });
    await chain.release('go');
    await up.says(/p-s0: train done/);
    const now = await waitFor('the pause', async () => {
      const told = await status(chain);
      return told.of('p-s0').state === 'paused' ? told : null;
    });
    expect(now).to.include({ paused: true });
    expect(now.of('p-s0')).to.include({ stage: 'fuse', attempt: 1 });
    expect(now.of('p-s0').why).to.match(/^fuse waits: the workspace has been paused since .*phasebox resume/);
    expect(now.of('q-s0')).to.include({ state: 'paused', stage: null });
    const redis = new Redis({ path: join(chain.root, '.phasebox/broker.sock') });
    await redis.flushall();
    redis.disconnect();
    expect(await up.stop('SIGTERM')).to.equal(0);
    const once = await chain.phasebox('up', '--once', '--no-dashboard');
    expect(once.code).to.equal(3);
    expect(once.err).to.match(
      /2 runs left that cannot continue:\n {2}the workspace has been paused since .*; `phasebox resume` ends the pause/,
    );
    expect(await chain.calls('fuse_direct'), 'nothing began').to.eql([]);
    const again = await chain.up();
    expect(await fine(chain, 'resume')).to.equal('resumed\n');
    for (const run of ['p-s0', 'q-s0']) expect(await chain.row(run)).to.include({ status: 'done' });
    expect(await order(chain)).to.eql(['p-s0', 'q-s0']);
    expect(await fine(chain, 'resume')).to.equal('The workspace was not paused.\n');
    expect(await again.stop()).to.equal(0);
  });

  it('by name: a waiting one is passed over, a started one keeps its slot; without `up` too', async () => {
    const up = await chain.up();
    await chain.write('inbox/1.yaml', config('p', held()));
    await chain.write('inbox/2.yaml', config('q'));
    await chain.write('inbox/3.yaml', config('r'));
    await trains(chain, 'p-s0');
    await up.says(/phase r, \d+ new run/);
    expect(await fine(chain, 'pause', 'q')).to.equal('q: paused. `phasebox resume q` ends the pause.\n');
    expect(await fine(chain, 'pause', 'p-s0')).to.contain('p-s0: finishes train first');
    await chain.release('go');
    await waitFor('the pause', async () => (await status(chain)).of('p-s0').state === 'paused');
    expect((await status(chain)).of('r-s0'), 'the slot is taken').to.include({ state: 'waiting' });
    expect(await fine(chain, 'resume', 'p-s0')).to.equal('p-s0: resumed\n');
    expect(await chain.row('r-s0'), 'q is passed over').to.include({ status: 'done' });
    expect((await status(chain)).of('q-s0').why).to.match(/^q has been paused since/);
    expect(await up.stop()).to.equal(0);
    expect(await order(chain)).to.eql(['p-s0', 'r-s0']);
    expect(await fine(chain, 'resume', 'q-s0'), 'its phase is paused').to.match(
      /q-s0: was not paused\nq: still paused/,
    );
    expect(await fine(chain, 'pause', 'r')).to.match(/^r: paused/);
    expect(await fine(chain, 'resume', 'q')).to.equal('q: resumed\n');
    await fine(chain, 'up', '--once', '--no-dashboard');
    expect(await chain.row('q-s0')).to.include({ status: 'done' });
  });
});

describe('stop', () => {
  it('ends `up` and leaves its tool, or ends both, or a tool that was left behind', async () => {
    const chain = await makeChain();
    const up = await chain.up();
    // Without a state at iteration 10: from there the second attempt would not be held again.
    const train = { iters: 20, save_every: 20, batch_size: 2, num_layers: 2, max_seq_length: 128 };
    await chain.write('inbox/p.yaml', config('p', { ...held(), train }));
    await trains(chain, 'p-s0');
    const dir = (attempt: number): string => join(folder(chain, 'p-s0'), `.1-train.a${attempt}`);
    expect(await fine(chain, 'stop')).to.equal(
      `phasebox (pid ${up.pid}) is down; train of p-s0 continues in the background\n`,
    );
    expect(await up.ended).to.include({ code: 0 });
    expect(await isAlive(dir(1))).to.equal(true);
    expect(await fine(chain, 'stop', '--tools')).to.match(/^p-s0: its tool was stopped/);
    expect(await isAlive(dir(1))).to.equal(false);
    expect((await chain.journal('p-s0')).at(-1)).to.include({ event: 'failed', code: 'STOPPED', attempt: 1 });
    const again = await chain.up();
    await waitFor('the second attempt', () => isAlive(dir(2)));
    expect(await fine(chain, 'stop', '--tools')).to.equal(`phasebox (pid ${again.pid}) is down, its tools too\n`);
    expect(await again.ended).to.include({ code: 0 });
    expect(await isAlive(dir(2))).to.equal(false);
    expect(await fine(chain, 'stop')).to.equal('phasebox is not up here: nothing to stop\n');
    expect(await fine(chain, 'stop', '--tools')).to.match(/no tool runs: nothing to stop/);
    await chain.release('go');
    await fine(chain, 'up', '--once', '--no-dashboard');
    expect(await chain.row('p-s0'), 'a request to stop is not left for the next one').to.include({ status: 'done' });
    expect((await events(chain, 'p-s0')).filter((event) => event === 'failed')).to.have.length(2);
    await chain.remove();
  });
});
