import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { folderBytes } from '../../src/io/host/disk-usage.ts';
import { commandLine } from '../../src/io/host/process-facts.ts';
import { isAlive } from '../../src/io/tool/tool-process.ts';
import { type Chain, config, makeChain, type Running } from '../helpers/chain.ts';
import { events, fine, folder, held, status, trains } from '../helpers/control.ts';
import { waitFor } from '../helpers/temp.ts';

const text = (path: string): Promise<string> => readFile(path, 'utf8');

/** A command that is refused; what it says. */
async function refused(chain: Chain, ...args: readonly string[]): Promise<string> {
  const { code, out, err } = await chain.phasebox(...args);
  expect([code, out], args.join(' ')).to.eql([2, '']);
  return err;
}

describe('cancel', () => {
  let chain: Chain;
  let up: Running;

  beforeEach(async () => {
    chain = await makeChain();
  });
  afterEach(() => chain.remove());

  it('ends a tool whose grandchild ignores TERM, and all runs of a phase that are not over', async () => {
    up = await chain.up();
    await chain.write('inbox/1.yaml', config('done'));
    const stubborn = 'sh -c \'trap "" TERM; echo $$ >pid.txt; while :; do sleep 1; done\' & wait';
    const preflight = [['sh', '-c', stubborn]];
    await chain.write(
      'inbox/2.yaml',
      config('p', { preflight, seeds: [0, 1], variants: { q4: { fuse: { q_bits: 4 } } } }),
    );
    await chain.write('inbox/3.yaml', config('next', { model: 'demo/models/A-base' }));
    const pid = await waitFor('the grandchild', async () => Number(await chain.read('pid.txt').catch(() => '')));
    const dir = join(folder(chain, 'p-s0'), '.1-train.a1');
    await writeFile(join(dir, 'half.safetensors'), Buffer.alloc(1_000_000));
    const { code, out } = await chain.phasebox('cancel', 'p');
    expect(code).to.equal(0);
    expect(out.trim().split('\n')).to.eql(['p-s0', 'p-s0-q4', 'p-s1', 'p-s1-q4'].map((run) => `${run}: cancelled`));
    expect(await commandLine(pid), 'the grandchild is gone').to.equal(null);
    expect(await isAlive(join(dir, 'preflight-1'))).to.equal(false);
    expect(await folderBytes(dir), 'its space is free').to.be.below(10_000);
    const rows = await chain.rows();
    for (const run of ['p-s0', 'p-s0-q4', 'p-s1', 'p-s1-q4']) {
      const row = rows.find((one) => one.run === run);
      expect(row, run).to.deep.include({ status: 'cancelled', overall: null });
      expect(row?.error?.code).to.equal('CANCELLED');
    }
    const [first] = rows.filter(({ run }) => run === 'p-s0');
    expect(first?.error).to.include({ stage: 'train', attempt: 1, message: 'cancelled in train' });
    expect(first?.seconds.train).to.be.above(0);
    expect(await chain.row('next-s0'), 'the next one starts').to.include({ status: 'done' });
    expect(await chain.calls('lora')).to.have.length(2);
    expect(
      (await readdir(folder(chain, 'p-s0'))).filter((name) => name.startsWith('.')),
      'no new attempt',
    ).to.eql(['.1-train.a1']);
    expect(await fine(chain, 'cancel', 'done')).to.equal('done-s0: already finished; result kept\n');
    expect((await chain.row('done-s0')).status).to.equal('done');
    await waitFor('the page', async () => /p-s1-q4/.test(await chain.read('artifacts/COMPARISON.md').catch(() => '')));
    expect(await up.stop()).to.equal(0);
  });

  it('a source: those that start from it fail with it, and come back with its retry, under a new attempt', async () => {
    up = await chain.up();
    const variants = { q4: { fuse: { q_bits: 4 } }, raw: { fuse: { mode: 'none' } } };
    await chain.write('inbox/p.yaml', config('p', { ...held(), variants }));
    await trains(chain, 'p-s0');
    expect(await fine(chain, 'cancel', 'p-s0')).to.equal('p-s0: cancelled\n');
    for (const run of ['p-s0-q4', 'p-s0-raw'])
      expect((await chain.row(run)).error).to.include({
        ...{ code: 'SOURCE_FAILED', message: 'p-s0 was cancelled before train was done' },
      });
    expect(await refused(chain, 'retry', 'p-s0-q4')).to.match(/p-s0-q4: not retried, since p-s0, .* Retry that one/);
    await chain.release('go');
    expect((await fine(chain, 'retry', 'p-s0')).trim().split('\n')).to.eql([
      'p-s0: queued again; it starts at train',
      'p-s0-q4: queued again too, because it starts from p-s0',
      'p-s0-raw: queued again too, because it starts from p-s0',
    ]);
    for (const run of ['p-s0', 'p-s0-q4', 'p-s0-raw'])
      await waitFor(`the new row of ${run}`, async () =>
        (await chain.rows()).some((row) => row.run === run && row.status === 'done'),
      );
    expect((await chain.rows()).map(({ run }) => run)).to.eql(['p-s0', 'p-s0-q4', 'p-s0-raw']);
    expect(JSON.parse(await text(join(folder(chain, 'p-s0'), '1-train/manifest.json'))).attempt).to.equal(2);
    expect(await up.stop()).to.equal(0);
  });

  it('works without `up`: of a run that waits for its next attempt', async () => {
    await chain.remove();
    chain = await makeChain({ retry_pause_s: [600] });
    up = await chain.up();
    const scene = { lora: { fail: 9, say: 'GPU Timeout Error (kIOGPUCommandBufferCallbackErrorTimeout)' } };
    await chain.write('inbox/p.yaml', config('p', { scene }));
    await waitFor('the failure', async () =>
      (await chain.journal('p-s0').catch(() => [])).some(({ event }) => event === 'failed'),
    );
    await up.stop('SIGTERM');
    expect(await fine(chain, 'cancel', 'p-s0')).to.equal('p-s0: cancelled\n');
    expect((await chain.rows()).map(({ run, status: how }) => [run, how])).to.eql([['p-s0', 'cancelled']]);
    expect(await fine(chain, 'retry', 'p-s0')).to.equal('p-s0: queued again; it starts at train\n');
  });

  it('works without `up`: of a waiting run, and of one whose tool was left behind', async () => {
    up = await chain.up();
    await chain.write('inbox/p.yaml', config('p', { ...held(), seeds: [0, 1] }));
    await trains(chain, 'p-s0');
    expect(await up.stop('SIGTERM')).to.equal(0);
    const [tool] = await chain.calls('lora');
    expect(await isAlive(join(folder(chain, 'p-s0'), '.1-train.a1')), 'it goes on').to.equal(true);
    expect(await fine(chain, 'cancel', 'p-s1')).to.equal('p-s1: cancelled\n');
    expect(await fine(chain, 'cancel', 'p-s0')).to.equal('p-s0: cancelled\n');
    expect(await commandLine(tool!.pid)).to.equal(null);
    expect((await chain.rows()).map(({ run, status: how }) => [run, how])).to.eql([
      ['p-s0', 'cancelled'],
      ['p-s1', 'cancelled'],
    ]);
    expect(await chain.read('artifacts/COMPARISON.md')).to.contain('p-s1');
    expect(await fine(chain, 'up', '--once', '--no-dashboard'), 'nothing is left to do').not.to.contain('p-s0: train');
    expect(await chain.calls('lora')).to.have.length(1);
  });

  it('of runs whose due attempt has not begun: one paused between two stages, one that waits for its retry', async () => {
    const yaml = JSON.parse(await chain.read('phasebox.yaml'));
    await chain.write('phasebox.yaml', JSON.stringify({ ...yaml, retry_pause_s: [600] }));
    up = await chain.up();
    const broken = { lora: { fail: 1, say: 'kIOGPUCommandBufferCallbackErrorTimeout' } };
    await chain.write('inbox/1.yaml', config('retried', { scene: broken, seeds: [0, 1] }));
    await waitFor('the waiting', async () => (await status(chain)).of('retried-s0')?.state === 'retrying');
    await chain.write('inbox/2.yaml', config('p', held()));
    expect(await fine(chain, 'cancel', 'retried')).to.equal('retried-s0: cancelled\nretried-s1: cancelled\n');
    await trains(chain, 'p-s0');
    await fine(chain, 'pause', 'p');
    await chain.release('go');
    await waitFor('the pause', async () => (await status(chain)).of('p-s0').state === 'paused');
    expect(await fine(chain, 'cancel', 'p')).to.equal('p-s0: cancelled\n');
    expect((await chain.row('p-s0')).error).to.include({
      code: 'CANCELLED',
      stage: 'fuse',
      message: 'cancelled in fuse',
    });
    expect((await chain.row('retried-s0')).error).to.include({ code: 'CANCELLED', stage: 'train', attempt: 2 });
    expect(await up.stop()).to.equal(0);
    await fine(chain, 'resume', 'p');
    expect(await fine(chain, 'retry', 'p')).to.equal('p-s0: queued again; it starts at fuse\n');
    await fine(chain, 'up', '--once', '--no-dashboard');
    expect(await chain.row('p-s0')).to.include({ status: 'done' });
  });

  it('of an eval ends its server and the base model that it asks', async () => {
    up = await chain.up();
    const env = { ANSWER_SECONDS: '30' };
    await chain.write('inbox/p.yaml', config('p', { env, eval: { suite: 'four.yaml', base: true } }));
    await chain.write('inbox/q.yaml', config('q'));
    const server = join(folder(chain, 'p-s0'), '.6-eval.a1/base');
    await waitFor('a question', async () =>
      /GET \/phasebox-/.test(await text(join(server, 'log.txt')).catch(() => '')),
    );
    const { code, out } = await chain.phasebox('cancel', 'p-s0');
    expect([code, out]).to.eql([0, 'p-s0: cancelled\n']);
    expect(await isAlive(server)).to.equal(false);
    expect((await chain.row('p-s0')).error).to.include({ code: 'CANCELLED', stage: 'eval' });
    expect(await chain.row('q-s0')).to.include({ status: 'done' });
    expect(await up.stop()).to.equal(0);
  });

  it('that a kill cut short is finished by the next `up`, which waits for a command that is at it', async () => {
    up = await chain.up();
    await chain.write('inbox/p.yaml', config('p', held()));
    await trains(chain, 'p-s0');
    await up.stop('SIGKILL');
    await appendFile(
      join(folder(chain, 'p-s0'), 'journal.jsonl'),
      `${JSON.stringify({ event: 'cancelled', at: new Date().toISOString() })}\n`,
    );
    // As commands of an earlier version left them, which wrote files.
    for (const order of ['1', '2'])
      await chain.write(
        `.phasebox/requests/000000000000000${order}.a-cancel.json`,
        '{"kind":"cancel","target":"p-s0"}',
      );
    // Two at once: one of them owns the workspace for a moment.
    const [paused, once] = await Promise.all([
      chain.phasebox('pause', 'p'),
      chain.phasebox('up', '--once', '--no-dashboard'),
    ]);
    expect([paused.code, once.code]).to.satisfy(
      ([first, second]: number[]) => first === 0 && (second === 0 || second === 1),
    );
    expect(await isAlive(join(folder(chain, 'p-s0'), '.1-train.a1'))).to.equal(false);
    expect((await chain.row('p-s0')).error).to.include({ code: 'CANCELLED', stage: 'train', attempt: 1 });
    const told = await events(chain, 'p-s0');
    expect(told.filter((event) => ['cancelled', 'failed', 'row'].includes(event))).to.eql([
      'cancelled',
      'failed',
      'row',
    ]);
    expect(await readdir(join(chain.root, '.phasebox'))).not.to.include('requests');
  });
});
