import { expect } from 'chai';
import { type Chain, config } from '../helpers/chain.ts';
import { crashChain, expectNothingLost } from '../helpers/crash.ts';
import { waitFor } from '../helpers/temp.ts';

const measured = { suite: 'four.yaml', base: false, cost: true };

describe('the measurement of what fusing cost', () => {
  let chain: Chain;
  beforeEach(async () => {
    chain = await crashChain();
  });
  afterEach(() => chain.remove());

  it('is resumed after kill -9 of up: started once, its figures in the row', async () => {
    await chain.write('inbox/p.yaml', config('p', { scene: { model_cost: { hold: 'go' } }, eval: measured }));
    const up = await chain.up();
    await waitFor('the measurement', async () => (await chain.calls('model_cost')).length === 1);
    await up.stop('SIGKILL');
    const again = await chain.up();
    await chain.release('go');
    const { cost, warnings } = await chain.row('p-s0');
    await again.stop();
    expect(cost).to.deep.include({ bits: { base: 4, final: 5 }, step: 0.5, tokens: 4, gain_kept: 0.9 });
    expect(warnings.filter((text) => text.includes('cost'))).to.deep.equal([]);
    await expectNothingLost(chain, ['p-s0'], ['lora', 'fuse_direct', 'model_cost']);
  });

  it('fails no run: done, no figures, and a warning that says why', async () => {
    const scene = { model_cost: { fail: 9, say: 'RuntimeError: [METAL] Command buffer execution failed', code: 1 } };
    await chain.write('inbox/p.yaml', config('p', { scene, eval: measured }));
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(0);
    const { status, overall, cost, warnings } = await chain.row('p-s0');
    expect({ status, cost }).to.deep.equal({ status: 'done', cost: null });
    expect(overall).to.be.a('number');
    expect(
      warnings.filter((text) => text.startsWith('what fusing and quantizing cost could not be measured')),
    ).to.have.length(1);
    expect(await chain.calls('model_cost')).to.have.length(1);
  });

  it('is not asked for: no tool, no figures', async () => {
    await chain.write('inbox/p.yaml', config('p', { eval: { suite: 'four.yaml', base: false, cost: false } }));
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(0);
    expect((await chain.row('p-s0')).cost).to.equal(null);
    expect(await chain.calls('model_cost')).to.deep.equal([]);
  });
});
