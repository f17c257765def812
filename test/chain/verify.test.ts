import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Chain, config, makeChain } from '../helpers/chain.ts';

/** The commands that look after what is on the disk, on what a whole `up` has made. */
describe('verify and gc after a night', () => {
  let chain: Chain;
  before(async () => {
    chain = await makeChain();
    const fault = { fail: 1, say: 'kIOGPUCommandBufferCallbackErrorTimeout', code: 134 };
    const evaluation = { suite: 'four.yaml', base: true };
    await chain.write('inbox/a.yaml', config('a', { scene: { fuse_direct: fault }, eval: evaluation }));
    await chain.write('inbox/b.yaml', config('b', { fuse: { mode: 'two_step', q_bits: 4 }, eval: evaluation }));
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(0);
  });
  after(() => chain.remove());

  it('has no false alarm', async () => {
    for (const args of [[], ['--deep']]) {
      const { code, out } = await chain.phasebox('verify', ...args);
      expect(code, out).to.equal(0);
      expect(out)
        .to.match(/\d+ finished stages \(of 2 runs\)(?: and \d base scores?)?, .* in total: all complete\n$/)
        .and.not.contain('touched');
      expect(out)
        .to.match(/base score [0-9a-f]{12}: complete/)
        .and.to.match(/b-s0 fuse: complete, .*others removed/);
    }
    expect((await chain.phasebox('verify', 'nobody')).code).to.equal(2);
  });

  it('frees what was tried, and everything is whole all the same', async () => {
    expect((await chain.phasebox('gc')).out)
      .to.contain('a-s0: failed attempt of fuse')
      .and.to.contain('add --yes');
    const { out, code } = await chain.phasebox('gc', '--checkpoints', '--yes');
    expect(code).to.equal(0);
    expect(out)
      .to.contain('a-s0: checkpoints')
      .and.to.match(/ freed\n/)
      .and.to.contain('--models would free');
    expect((await chain.phasebox('verify', '--deep')).code).to.equal(0);
  });

  it('finds a byte that is missing, and no run begins with it', async () => {
    const weights = join(chain.root, 'artifacts/a/a-s0/3-fuse/model/model.safetensors');
    await truncate(weights, 2000);
    const found = await chain.phasebox('verify', 'a-s0');
    expect(found.code).to.equal(1);
    expect(found.out).to.contain('a-s0 fuse: DAMAGED').and.to.contain(`${weights} has 2000 bytes instead of`);
    const evaluation = { suite: 'four.yaml', base: false, max_tokens: 60 };
    await chain.write(
      'inbox/c.yaml',
      JSON.stringify({ phase: 'c', from: { run: 'a-s0', after: 'fuse' }, eval: evaluation }),
    );
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(1);
    expect((await chain.row('c-s0')).error).to.include({ code: 'INPUT_CHANGED', stage: 'eval', attempt: 1 });
  });
});
