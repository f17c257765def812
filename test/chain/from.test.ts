import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { type Chain, config, makeChain, type Running } from '../helpers/chain.ts';
import { waitFor } from '../helpers/temp.ts';

let chain: Chain;
let up: Running;

const callsOf = async (tool: string, phase: string): Promise<(string | null)[]> =>
  (await chain.calls(tool)).map(({ run }) => run).filter((run) => run?.startsWith(`${phase}-`));

const chainIn = async (phase: string, run: string): Promise<string[]> =>
  JSON.parse(await readFile(join(chain.root, 'artifacts', phase, run, 'run.json'), 'utf8')).chain;

async function stateOf(run: string): Promise<{ state: string; why: string | null }> {
  const { out } = await chain.phasebox('status', '--json');
  return JSON.parse(out).runs.find((one: { run: string }) => one.run === run);
}

const rest = { eval: { suite: 'four.yaml', base: false } };

describe('a run that starts from another', () => {
  before(async () => {
    chain = await makeChain();
    await chain.write('two.yaml', (await chain.read('four.yaml')).replace('suite: four', 'suite: two'));
    up = await chain.up();
  });
  after(() => chain.remove());

  it('as a variant shares the training: the tool runs once', async () => {
    const variants = {
      q4: { fuse: { q_bits: 4 } },
      raw: { fuse: { mode: 'none' } },
      other: { eval: { suite: 'two.yaml' } },
      steps: { fuse: { mode: 'two_step' } },
    };
    await chain.write('inbox/v.yaml', config('v', { variants }));
    const runs = ['v-s0', 'v-s0-q4', 'v-s0-raw', 'v-s0-other', 'v-s0-steps'];
    for (const run of runs) expect(await chain.row(run), run).to.include({ status: 'done' });
    expect(await callsOf('lora', 'v')).to.eql(['v-s0']);
    expect((await callsOf('fuse_direct', 'v')).sort()).to.eql(['v-s0', 'v-s0-q4']);
    expect(await callsOf('convert', 'v')).to.eql(['v-s0-steps']);
    expect(await Promise.all(runs.map((run) => chainIn('v', run)))).to.eql([
      ['train', 'fuse', 'cleanup', 'eval'],
      ['fuse', 'cleanup', 'eval'],
      ['eval'],
      ['eval'],
      ['fuse', 'quantize', 'cleanup', 'eval'],
    ]);
    const rows = await chain.rows();
    expect(rows.map(({ run }) => run)).to.eql(runs);
    const [plain, q4, raw, other, steps] = rows;
    expect(rows.map(({ variant }) => variant)).to.eql([null, 'q4', 'raw', 'other', 'steps']);
    expect(new Set(rows.slice(0, 3).map(({ custody }) => custody.adapter)).size).to.equal(1);
    expect(q4?.custody.model).not.to.equal(plain?.custody.model);
    expect(other?.custody.model).to.equal(plain?.custody.model);
    expect(steps?.custody.model, 'two steps give the same bytes').to.equal(plain?.custody.model);
    expect(other?.custody.suite).not.to.equal(plain?.custody.suite);
    const served = (await chain.calls('serve')).filter(({ run }) => run === 'v-s0-raw').at(-1);
    expect(served?.argv).to.include('--adapter-path');
    expect(raw?.custody.model).to.equal(null);
    const left = JSON.parse(await chain.read('artifacts/v/v-s0-steps/3-fuse/manifest.json')).removed;
    expect(left.paths, 'the unquantized model is taken away').to.include('model/model.safetensors');
  });

  it('waits until what it starts from is there', async () => {
    await chain.write('inbox/1-source.yaml', config('source', { scene: { lora: { hold: 'go' } } }));
    await waitFor('the training', async () => (await callsOf('lora', 'source')).length === 1);
    await chain.write(
      'inbox/2-later.yaml',
      stringify({ phase: 'later', from: { run: 'source-s0', after: 'train' }, ...rest }),
    );
    await up.says('phase later, 1 new run (later-s0)');
    expect(await stateOf('later-s0')).to.include({ state: 'waiting', why: 'starts after train of source-s0' });
    await chain.release('go');
    expect(await chain.row('later-s0')).to.include({ status: 'done' });
    const source = await chain.row('source-s0');
    expect((await chain.row('later-s0')).custody.adapter).to.equal(source.custody.adapter);
    expect(await callsOf('lora', 'later')).to.eql([]);
  });

  it('fails with its source, at once', async () => {
    const refusal = {
      hold: 'fail',
      fail: 1,
      say: 'usage: lora\nlora: error: unrecognized arguments: --no-such',
      code: 2,
    };
    await chain.write('inbox/1-broken.yaml', config('broken', { scene: { lora: refusal } }));
    await waitFor('the training', async () => (await callsOf('lora', 'broken')).length === 1);
    const from = { run: 'broken-s0', after: 'train' };
    await chain.write('inbox/2-after.yaml', stringify({ phase: 'after', from, ...rest }));
    await up.says('phase after, 1 new run (after-s0)');
    await chain.release('fail');
    const row = await chain.row('after-s0');
    expect(row).to.deep.include({ status: 'failed', started: null, seconds: {} });
    expect(row.error).to.include({ code: 'SOURCE_FAILED', stage: null, attempt: null });
    expect(row.error?.message).to.contain('broken-s0 failed before train was done');
    expect((await chain.row('broken-s0')).error).to.include({ code: 'BAD_SETTINGS' });
  });

  it('takes a whole model from outside to eval alone', async () => {
    const model = join(chain.root, 'artifacts/v/v-s0/3-fuse/model');
    await chain.write('inbox/model.yaml', stringify({ phase: 'model', from: { model }, ...rest }));
    const row = await chain.row('model-s0');
    expect(row).to.deep.include({ status: 'done', checkpoint: null, model: null });
    expect(await chainIn('model', 'model-s0')).to.eql(['eval']);
    const plain = await chain.row('v-s0');
    expect([row.overall, row.custody.model]).to.eql([plain.overall, plain.custody.model]);
  });

  it('takes a checkpoint of an adapter from outside', async () => {
    const adapter = join(chain.root, 'artifacts/v/v-s0/1-train/adapter');
    const from = { adapter, checkpoint: 10 };
    await chain.write(
      'inbox/adapter.yaml',
      stringify({ phase: 'adapter', model: 'demo/models/A-base', from, ...rest }),
    );
    const row = await chain.row('adapter-s0');
    expect(row).to.deep.include({ status: 'done', checkpoint: 10 });
    expect(await chainIn('adapter', 'adapter-s0')).to.eql(['fuse', 'cleanup', 'eval']);
    expect(row.custody.adapter).not.to.equal((await chain.row('v-s0')).custody.adapter);
    expect(await callsOf('lora', 'adapter')).to.eql([]);
  });

  it('ends with `up`', async () => {
    expect(await up.stop()).to.equal(0);
  });
});
