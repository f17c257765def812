import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { type Chain, config, makeChain } from '../helpers/chain.ts';

const train = {
  ...{ iters: 20, batch_size: 2, num_layers: 2, mask_prompt: true, max_seq_length: 128 },
  ...{ save_every: 10, steps_per_report: 10, steps_per_eval: 20, val_batches: 4 },
};
const select = { by: 'suite', suite: 'four.yaml', prompts: 2 };

let chain: Chain;
const folder = (path: string): string => join(chain.root, 'artifacts/a/a-s0', path);

describe('a stage that a run reads and that is not there', () => {
  beforeEach(async () => {
    chain = await makeChain();
    await chain.write('inbox/a.yaml', config('a', { train, select, variants: { raw: { fuse: { mode: 'none' } } } }));
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(0);
  });
  afterEach(() => chain.remove());

  it('fails the run by its path, and is never taken for one that the plan does not have', async () => {
    await rm(folder('1-train'), { recursive: true });
    expect((await chain.phasebox('retry', 'a-s0-raw', '--stage', 'eval')).code).to.equal(0);
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(1);
    const { status, error } = await chain.row('a-s0-raw');
    expect([status, error?.code]).to.eql(['failed', 'MISSING_INPUT']);
    expect(error?.message).to.contain(folder('1-train')).and.to.contain('phasebox retry a-s0 --stage train');
  });

  it('ends those that wait for it when its run is done, and is made again with all that came from it', async () => {
    await rm(folder('2-select'), { recursive: true });
    const refused = await chain.phasebox('retry', 'a-s0-raw', '--stage', 'eval');
    expect([refused.code, refused.err]).to.satisfy(
      ([code, err]: [number, string]) => code !== 0 && err.includes('a-s0, which it starts from'),
    );
    const eval8 = { suite: 'four.yaml', base: false, cost: false };
    await chain.write('inbox/b.yaml', stringify({ phase: 'b', from: { run: 'a-s0', after: 'select' }, eval: eval8 }));
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(1);
    const { status, error } = await chain.row('b-s0');
    expect([status, error?.code]).to.eql(['failed', 'SOURCE_FAILED']);
    expect(error?.message).to.contain('2-select of a-s0 was deleted');
    const before = await readFile(folder('3-fuse/manifest.json'), 'utf8');
    expect((await chain.phasebox('retry', 'a-s0')).code).to.equal(0);
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(0);
    expect(await chain.row('b-s0')).to.include({ status: 'done' });
    expect(await readFile(folder('3-fuse/manifest.json'), 'utf8')).to.not.equal(before);
    await judgedTheChosen();
  });

  it('without its manifest gives no result without a score when results.jsonl has to be made again', async () => {
    await rm(join(chain.root, 'artifacts/results.jsonl'));
    await rm(folder('6-eval/manifest.json'));
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(1);
    const { status, overall, error } = await chain.row('a-s0');
    expect([status, overall, error?.code]).to.eql(['failed', null, 'DAMAGED_FILE']);
    expect(error?.message)
      .to.contain(folder('6-eval/manifest.json'))
      .and.to.contain('phasebox retry a-s0 --stage eval');
    expect(await chain.row('a-s0-raw')).to.include({ status: 'done' });
    expect((await chain.phasebox('retry', 'a-s0', '--stage', 'eval')).code).to.equal(0);
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(0);
    expect(await chain.row('a-s0')).to.include({ status: 'done' });
  });

  it('is waited for when its run and the one that reads it are retried at once', async () => {
    const up = await chain.up();
    for (let round = 0; round < 3; round++) {
      const before = (await chain.journal('a-s0-raw')).length;
      const both = await Promise.all([
        chain.phasebox('retry', 'a-s0-raw', '--stage', 'eval'),
        chain.phasebox('retry', 'a-s0', '--stage', 'select'),
      ]);
      // The second may be refused while the first reads what would go.
      expect(both.some(({ code }) => code === 0)).to.equal(true);
      await chain.row('a-s0');
      await chain.row('a-s0-raw');
      expect((await chain.journal('a-s0-raw')).length).to.be.at.least(before);
      await judgedTheChosen();
    }
    expect(await up.stop()).to.equal(0);
  });
});

/** The variant's row names the checkpoint that the select stage chose, by its number and its bytes. */
async function judgedTheChosen(): Promise<void> {
  const { made, outputs } = JSON.parse(await readFile(folder('2-select/manifest.json'), 'utf8'));
  const weights = outputs.find(({ path }: { path: string }) => path === 'adapter/adapters.safetensors');
  const row = await chain.row('a-s0-raw');
  expect(row).to.include({ status: 'done', checkpoint: made.iteration });
  expect(row.custody.adapter).to.equal(weights.sha256);
}
