import { expect } from 'chai';
import type { Status } from '../../src/commands/status.ts';
import { type Chain, config, makeChain, startTogether } from '../helpers/chain.ts';
import { tempDir, waitFor } from '../helpers/temp.ts';

const loads = ['lora', 'fuse_direct', 'serve', 'model_cost'];

/** Model-loading tools that lived when another one started. */
async function overlaps(chain: Chain): Promise<string[]> {
  const calls = (await chain.calls()).filter(({ tool }) => loads.includes(tool));
  return calls.flatMap(({ tool, run, beside = [] }) =>
    beside.filter((one) => loads.includes(one.split(' ')[0] ?? '')).map((one) => `${tool} of ${run} beside ${one}`),
  );
}

const statusOf = async (chain: Chain): Promise<Status> => JSON.parse((await chain.phasebox('status', '--json')).out);

describe('the machine', () => {
  const chains: Chain[] = [];
  const make = async (over: object = {}): Promise<Chain> => {
    const chain = await makeChain(over, { PHASEBOX_SLOT_DIR: slot });
    chains.push(chain);
    return chain;
  };
  let slot = '';

  before(async () => {
    slot = await tempDir('slot');
  });
  afterEach(async () => {
    for (const chain of chains.splice(0)) await chain.remove();
  });

  it('runs one model at a time, also for runs that were started together', async () => {
    const chain = await make();
    for (const name of ['a', 'b', 'c'])
      await chain.write(`inbox/${name}.yaml`, config(name, { eval: { suite: 'four.yaml', base: true } }));
    await chain.phasebox('pause');
    expect(await chain.phasebox('up', '--once', '--no-dashboard'), 'runs are left').to.include({ code: 3 });
    await startTogether(chain, 'a', 'b', 'c');
    await chain.phasebox('resume');
    const once = await chain.phasebox('up', '--once', '--no-dashboard');
    expect(once.code, once.err).to.equal(0);
    expect((await chain.rows()).map(({ status }) => status)).to.eql(['done', 'done', 'done']);
    expect(await overlaps(chain)).to.eql([]);
  });

  it('is waited for over workspaces, and terminal and status show who has it', async () => {
    const [first, second] = [await make(), await make()];
    const firstUp = await first.up();
    await first.write('inbox/a.yaml', config('a', { scene: { lora: { hold: 'go' } } }));
    await waitFor('the training', async () => (await first.calls('lora')).length === 1);
    const secondUp = await second.up();
    await second.write('inbox/b.yaml', config('b'));
    await secondUp.says(`b-s0: train waits for the machine: train of a-s0 in ${first.root}, pid `);
    const [run] = (await statusOf(second)).runs;
    expect(run).to.include({ run: 'b-s0', state: 'running', stage: 'train' });
    expect(run?.why).to.contain(`waits for the machine: train of a-s0 in ${first.root}`);
    expect((await statusOf(first)).runs[0]).to.include({ why: null });
    expect(await second.calls('lora')).to.eql([]);
    // Its starter gone, the tool still has the machine.
    await firstUp.stop('SIGKILL');
    expect((await statusOf(second)).runs[0]?.why).to.contain('waits for the machine: train of a-s0');
    await first.release('go');
    expect(await second.row('b-s0')).to.include({ status: 'done' });
    const again = await first.up();
    expect(await first.row('a-s0')).to.include({ status: 'done' });
    expect((await first.calls('lora')).length).to.equal(1);
    for (const up of [again, secondUp]) expect(await up.stop()).to.equal(0);
  });
});
