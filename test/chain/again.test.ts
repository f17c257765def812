import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Chain, config, makeChain, type Running } from '../helpers/chain.ts';
import { waitFor } from '../helpers/temp.ts';

let chain: Chain;
let up: Running;

const starts = async (): Promise<string[]> => (await chain.calls('lora')).map(({ run }) => run ?? '');

describe('a config that comes again', () => {
  before(async () => {
    chain = await makeChain();
    up = await chain.up();
    await chain.write('inbox/p.yaml', config('p', { seeds: [0] }));
    await chain.row('p-s0');
  });
  after(() => chain.remove());

  it('with the same content is the same run, and said so', async () => {
    await chain.write('inbox/p.yaml', config('p', { seeds: [0] }));
    await up.says(/p\.yaml: phase p, no new run\. Already known: p-s0 \(done\)/);
    await waitFor('the file to be moved', async () =>
      (await readdir(join(chain.root, 'inbox/accepted'))).includes('p.2.yaml'),
    );
    expect(await starts()).to.eql(['p-s0']);
  });

  it('with another setting is refused with the difference', async () => {
    await chain.write('inbox/changed.yaml', config('p', { seeds: [0], fuse: { q_bits: 4 } }));
    const reasons = 'inbox/rejected/changed.yaml.reasons.txt';
    await waitFor('the reasons', () => chain.read(reasons).catch(() => null));
    expect(await chain.read(reasons)).to.contain('fuse.q_bits: 5 -> 4');
  });

  it('with more seeds makes only the new runs', async () => {
    await chain.write('inbox/more.yaml', config('p', { seeds: [0, 1] }));
    await chain.row('p-s1');
    expect(await starts()).to.eql(['p-s0', 'p-s1']);
  });

  it('by `submit --again` runs every seed once more', async () => {
    const file = await chain.write('p.yaml', config('p', { seeds: [0, 1] }));
    const { code, out } = await chain.phasebox('submit', '--again', '--watch', file);
    expect(code).to.equal(0);
    expect(out).to.contain('p-s0.2').and.to.contain('p-s1.2');
    expect((await chain.rows()).map(({ run }) => run)).to.eql(['p-s0', 'p-s1', 'p-s0.2', 'p-s1.2']);
    expect(await starts()).to.eql(['p-s0', 'p-s1', 'p-s0.2', 'p-s1.2']);
    const [first, , again] = await chain.rows();
    expect(again?.custody.adapter, 'the same seed teaches the same').to.equal(first?.custody.adapter);
  });

  it('runs again what has a row but no longer a folder: the new row replaces the old one', async () => {
    const file = await chain.write('p.yaml', config('p', { seeds: [0, 1, 0, 1] }));
    const old = (await chain.rows()).find(({ run }) => run === 'p-s1');
    await rm(join(chain.root, 'artifacts/p/p-s1'), { recursive: true });
    expect((await chain.phasebox('status')).out).to.match(/rows whose run folder was removed: p-s1 \(done, \S+ %\)/);
    expect((await chain.phasebox('plan', file)).out).to.match(/warning +p-s1 \(done, \S+ %\) ran before/);
    const { code, out } = await chain.phasebox('submit', '--watch', file);
    expect(code).to.equal(0);
    expect(out).to.contain('Run again, because its folder was removed: p-s1 (done,');
    await up.says(/phase p\. Run again, because its folder was removed: p-s1 \(done, \S+ %\)\. /);
    const rows = await chain.rows();
    expect(rows.map(({ run }) => run)).to.eql(['p-s0', 'p-s0.2', 'p-s1.2', 'p-s1']);
    expect(rows.at(-1)?.ended).to.not.equal(old?.ended);
    expect(JSON.parse(await chain.read('artifacts/results.jsonl.old'))).to.eql(old);
    expect(await starts()).to.eql(['p-s0', 'p-s1', 'p-s0.2', 'p-s1.2', 'p-s1']);
  });

  it('ends with `up`', async () => {
    expect(await up.stop()).to.equal(0);
  });
});
