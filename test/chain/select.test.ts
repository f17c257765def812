import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { stringify } from 'yaml';
import type { Candidate } from '../../src/events/stages/select.ts';
import { type Call, type Chain, config, makeChain } from '../helpers/chain.ts';
import { waitFor } from '../helpers/temp.ts';

/** The stand-in's scores follow from the settings: with this learning rate the best checkpoint is not the last one. */
const train = {
  ...{ iters: 40, batch_size: 2, num_layers: 2, mask_prompt: true, max_seq_length: 128 },
  ...{ save_every: 10, steps_per_report: 5, steps_per_eval: 10, val_batches: 4, learning_rate: 2e-4 },
};
const ten = {
  suite: 'ten',
  prompts: Array.from({ length: 10 }, (_, index) => ({
    id: `q${index}`,
    category: index < 5 ? 'git' : 'domain',
    prompt: `question ${index}`,
    expect: ['read_file'],
  })),
};

const adapterOf = (call: Call): string => call.argv[call.argv.indexOf('--adapter-path') + 1] ?? '';
/** Servers of candidates, by iteration. */
const served = (calls: readonly Call[]): number[] =>
  calls
    .map(adapterOf)
    .flatMap((path) => /candidates\/(\d+)$/.exec(path)?.[1] ?? [])
    .map(Number);
const figures = (candidates: readonly Candidate[], figure: 'overall' | 'val_loss'): number[] =>
  candidates.map((one) => one[figure] ?? Number.NaN);
const beyondText = (base: readonly string[]): string[] => base.filter((text) => !text.includes('without a tool call'));

describe('a checkpoint that is chosen', () => {
  let chain: Chain;
  before(async () => {
    chain = await makeChain();
    await chain.write('ten.yaml', stringify(ten));
  });
  after(() => chain.remove());

  const file = (run: string, path: string): Promise<Buffer> =>
    readFile(join(chain.root, 'artifacts', run.replace(/-s0.*$/, ''), run, path));
  const weights = (run: string, iteration: number): Promise<Buffer> =>
    file(run, `1-train/adapter/${String(iteration).padStart(7, '0')}_adapters.safetensors`);

  it('by suite: the best of all that were saved is used, asked each on the same prompts, and stays', async () => {
    const cleanup = { keep_checkpoints: 'selected' };
    const select = { by: 'suite', suite: 'ten.yaml', prompts: 6 };
    const variants = { raw: { fuse: { mode: 'none' } } };
    await chain.write('inbox/a.yaml', config('a', { train, select, cleanup, variants }));
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(0);
    const row = await chain.row('a-s0');
    const { selection } = row;
    expect(row).to.include({ status: 'done' });
    expect(selection).to.include({ by: 'suite', same_suite: false });
    expect(selection?.candidates.map(({ iteration }) => iteration)).to.eql([10, 20, 30, 40]);
    const scores = figures(selection?.candidates ?? [], 'overall');
    const best = [10, 20, 30, 40][scores.lastIndexOf(Math.max(...scores))] ?? 0;
    expect(new Set(scores).size, 'they differ').to.be.above(1);
    expect(best, 'the last would have gone on by itself').not.to.equal(40);
    expect(row.checkpoint).to.equal(best);
    expect(await file('a-s0', '2-select/adapter/adapters.safetensors')).to.eql(await weights('a-s0', best));
    const [fuse] = await chain.calls('fuse_direct');
    expect(fuse?.argv[fuse.argv.indexOf('--adapter') + 1]).to.match(/a-s0\/2-select\/adapter$/);
    const asked = await Promise.all(
      [10, 20, 30, 40].map(async (iteration) =>
        (await file('a-s0', `2-select/candidates/${String(iteration).padStart(7, '0')}/answers.jsonl`))
          .toString()
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line).prompt),
      ),
    );
    expect(asked[0]).to.have.length(6);
    for (const one of asked) expect(one).to.eql(asked[0]);
    const kept = (await readdir(join(chain.root, 'artifacts/a/a-s0/1-train/adapter'))).sort();
    const selected = `${String(best).padStart(7, '0')}_adapters.safetensors`;
    expect(kept).to.eql([selected, 'adapter_config.json', 'adapters.safetensors']);
    expect(beyondText(row.warnings)).to.eql([]);
    const raw = await chain.row('a-s0-raw');
    expect(raw, 'a variant takes the choice of its plain run').to.deep.include({ checkpoint: best, selection });
    expect(raw.seconds).to.have.all.keys('eval');
    expect(adapterOf((await chain.calls('serve')).at(-1) as Call)).to.match(/a-s0\/2-select\/adapter$/);
  });

  it('on the prompts that are reported: allowed, and said with how much it flatters', async () => {
    const select = { by: 'suite', suite: 'copy.yaml' };
    await chain.write('copy.yaml', `# the same\n${await chain.read('four.yaml')}`);
    await chain.write('inbox/same.yaml', config('same', { train, select, fuse: { mode: 'none' } }));
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(0);
    const row = await chain.row('same-s0');
    expect(row.selection?.same_suite).to.equal(true);
    expect(row.selection?.optimism).to.be.a('number');
    expect(row.warnings.join('\n')).to.match(
      /selected from 4 checkpoints on these prompts: the score is probably about \d/,
    );
    const last = (await chain.calls('serve')).at(-1);
    expect(last === undefined ? '' : adapterOf(last)).to.match(/same-s0\/2-select\/adapter$/);
    const chosen = row.selection?.candidates.find(({ iteration }) => iteration === row.checkpoint);
    expect(chosen?.overall, 'the same adapter, the same prompts').to.equal(row.overall);
  });

  it('continues after a server that died, in the next attempt, and asks nothing twice', async () => {
    // The base's probe; checkpoint 10 with its probe; 20 dies three times, which an attempt does not survive.
    const scene = { serve: { answers: [99, 99, 3, 0, 0] } };
    const select = { by: 'suite', suite: 'ten.yaml' };
    await chain.write('inbox/b.yaml', config('b', { train, select, scene }));
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(0);
    expect((await chain.row('b-s0')).status).to.equal('done');
    const failed = (await chain.journal('b-s0')).filter((line) => line.event === 'failed');
    expect(failed.map(({ stage, code }) => [stage, code])).to.eql([['select', 'SERVER_DIED']]);
    const servers = (await chain.calls('serve')).filter(({ run }) => run === 'b-s0');
    expect(served(servers)).to.eql([10, 20, 20, 20, 20, 30, 40]);
    expect(servers.length, 'the base is asked once; then the model is').to.equal(9);
    const text = (await file('b-s0', '2-select/candidates/0000020/answers.jsonl')).toString();
    const attempts = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).attempt);
    expect(attempts).to.eql([1, 1, 2, 2, 2, 2, 2, 2, 2, 2]);
  });

  it('by val_loss: on all rows, resumed where a tool that died was', async () => {
    const select = { by: 'val_loss' };
    const scene = { val_loss: { die: true } };
    await chain.write('inbox/c.yaml', config('c', { train, select, scene }));
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(0);
    const row = await chain.row('c-s0');
    expect(row.status).to.equal('done');
    const losses = figures(row.selection?.candidates ?? [], 'val_loss');
    expect(losses).to.have.length(4);
    expect(row.checkpoint).to.equal([10, 20, 30, 40][losses.lastIndexOf(Math.min(...losses))]);
    expect(row.selection).to.include({ by: 'val_loss', suite_sha256: null, same_suite: false, optimism: null });
    expect(row.warnings.join('\n')).to.contain('each logged validation loss is measured on');
    expect((await chain.calls('val_loss')).length).to.equal(2);
    const lines = (await file('c-s0', '2-select/candidates/losses.jsonl')).toString().trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).iteration)).to.eql([10, 20, 30, 40]);
    expect(await file('c-s0', '2-select/adapter/adapters.safetensors')).to.eql(
      await weights('c-s0', row.checkpoint ?? 0),
    );
  });

  it('tells how far it is, and is resumed by the next up when the first is killed', async () => {
    const scene = { val_loss: { hold: 'go' } };
    await chain.write('inbox/e.yaml', config('e', { train, select: { by: 'val_loss' }, scene }));
    const up = await chain.up();
    await waitFor('the first loss', async () => (await readStatus()).includes('checkpoint 10, 1 of 4'));
    expect(JSON.parse((await chain.phasebox('status', '--json')).out).runs.at(-1)).to.deep.include({
      ...{ run: 'e-s0', state: 'running', stage: 'select', iteration: 40, of: 160, loss: null },
      why: 'checkpoint 10, 1 of 4',
    });
    await up.stop('SIGKILL');
    const again = await chain.up();
    await chain.release('go');
    expect((await chain.row('e-s0')).status).to.equal('done');
    await again.stop();
    const calls = (await chain.calls('val_loss')).filter(({ run }) => run === 'e-s0');
    expect(calls, 'the same tool went on').to.have.length(1);
  });

  it('measures again what it measured before its inputs changed', async () => {
    const scene = { val_loss: { hold: 'late' } };
    await chain.write('inbox/f.yaml', config('f', { train, select: { by: 'val_loss' }, scene, data: 'rows' }));
    for (const name of ['train', 'valid'])
      await chain.write(`rows/${name}.jsonl`, await chain.read(`demo/data/${name}.jsonl`));
    const up = await chain.up();
    await waitFor(
      'the first loss',
      async () => (await readStatus()).includes('f-s0') && (await readStatus()).includes('1 of 4'),
    );
    await up.stop('SIGKILL');
    await chain.write('rows/valid.jsonl', (await chain.read('rows/valid.jsonl')).split('\n').slice(0, 30).join('\n'));
    await chain.release('late');
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(0);
    const lines = (await file('f-s0', '2-select/candidates/losses.jsonl')).toString().trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).rows)).to.eql([30, 30, 30, 30]);
    expect((await chain.journal('f-s0')).filter((line) => line.event === 'failed')).to.eql([]);
  });

  const readStatus = async (): Promise<string> => (await chain.phasebox('status')).out;

  it('takes the only one there is, and measures nothing', async () => {
    const select = { by: 'suite', suite: 'ten.yaml' };
    await chain.write('inbox/d.yaml', config('d', { train: { ...train, save_every: 100 }, select }));
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(0);
    const row = await chain.row('d-s0');
    expect(row.checkpoint).to.equal(40);
    expect(row.warnings.join('\n')).to.contain('had nothing to choose');
    expect((await chain.calls('serve')).filter(({ run }) => run === 'd-s0')).to.have.length(1);
  });

  it('tells how many answers of all checkpoints are there', async () => {
    const select = { by: 'suite', suite: 'ten.yaml' };
    await chain.write('inbox/g.yaml', config('g', { train, select, env: { ANSWER_SECONDS: '0.05' } }));
    const up = await chain.up();
    await waitFor('the second checkpoint', async () => (await readStatus()).includes('checkpoint 20, 2 of 4'));
    const [run] = JSON.parse((await chain.phasebox('status', '--json')).out).runs.slice(-1);
    expect(run).to.deep.include({ run: 'g-s0', stage: 'select', of: 40 });
    expect(run.iteration).to.be.within(11, 40);
    await up.stop();
  });
});
