import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Chain, config, makeChain, type Running } from '../helpers/chain.ts';
import { waitFor } from '../helpers/temp.ts';

let chain: Chain;
let up: Running;

const folder = (run: string): string => join(chain.root, 'artifacts', run.replace(/-s\d.*$/, ''), run);
const manifest = async (run: string, stage: string) =>
  JSON.parse(await readFile(join(folder(run), stage, 'manifest.json'), 'utf8'));
/** Path and hash of all that a stage made. */
const bytes = async (run: string, stage: string): Promise<string[]> =>
  (await manifest(run, stage)).outputs.map(({ path, sha256 }: Record<string, string>) => `${path} ${sha256}`);

const order = async (): Promise<(string | null)[]> => (await chain.calls('lora')).map(({ run }) => run);
const rowsOf = async (): Promise<string[]> => (await chain.rows()).map(({ run, status }) => `${run} ${status}`);
const anew = (run: string): Promise<unknown> =>
  waitFor(`the new row of ${run}`, async () => (await rowsOf()).includes(`${run} done`));

const refusal = { fail: 1, say: 'lora: error: unrecognized arguments: --no-such', code: 2 };

describe('retry', () => {
  before(async () => {
    chain = await makeChain();
    up = await chain.up();
  });
  after(() => chain.remove());

  it('continues at the failed stage, under a new attempt, to a row in the same place; the same bytes as without', async () => {
    await chain.write('inbox/1.yaml', config('p', { scene: { fuse_direct: refusal } }));
    await chain.write('inbox/2.yaml', config('q'));
    expect(await chain.row('q-s0')).to.include({ status: 'done' });
    expect(await rowsOf()).to.eql(['p-s0 failed', 'q-s0 done']);
    expect((await chain.row('p-s0')).error).to.include({ code: 'BAD_SETTINGS', stage: 'fuse', attempt: 1 });
    const { code, out } = await chain.phasebox('retry', 'p');
    expect([code, out]).to.eql([0, 'p-s0: queued again; it starts at fuse\n']);
    await anew('p-s0');
    expect(await rowsOf()).to.eql(['p-s0 done', 'q-s0 done']);
    expect(await order(), 'what was trained is not trained again').to.eql(['p-s0', 'q-s0']);
    expect((await manifest('p-s0', '3-fuse')).attempt).to.equal(2);
    for (const stage of ['1-train', '3-fuse'])
      expect(await bytes('p-s0', stage), stage).to.eql(await bytes('q-s0', stage));
    await waitFor('the page', async () => !/BAD_SETTINGS/.test(await chain.read('artifacts/COMPARISON.md')));
  });

  it('of a run that is done runs a stage again: the same bytes, nothing before it again', async () => {
    const before = await bytes('q-s0', '3-fuse');
    const trained = await manifest('q-s0', '1-train');
    const started = await chain.calls('fuse_direct');
    expect(await chain.phasebox('retry', 'q-s0')).to.include({ code: 2, out: '' });
    const { code, err } = await chain.phasebox('retry', 'q-s0', '--stage', 'quantize');
    expect([code, err]).to.eql([2, 'q-s0: has no such stage. Its stages: train, fuse, cleanup, eval\n']);
    expect(await chain.phasebox('retry', 'q-s0', '--stage', 'fuse')).to.include({ code: 0 });
    await anew('q-s0');
    expect(await bytes('q-s0', '3-fuse')).to.eql(before);
    expect((await manifest('q-s0', '3-fuse')).attempt).to.equal(2);
    expect(await manifest('q-s0', '1-train')).to.eql(trained);
    expect((await chain.calls('fuse_direct')).length - started.length).to.equal(1);
    expect((await readdir(folder('q-s0'))).filter((name) => /replaced|\.a\d/.test(name))).to.eql([]);
    expect((await chain.rows()).map(({ run }) => run)).to.eql(['p-s0', 'q-s0']);
  });

  it('is refused while a run under way reads what would go; those that wait do so until it is there again', async () => {
    const scene = { serve: { hold: 'serve' } };
    await chain.write(
      'inbox/3.yaml',
      config('r', { scene, variants: { low: { eval: { suite: 'four.yaml', base: false, max_tokens: 9 } } } }),
    );
    await waitFor('the server', async () => (await chain.calls('serve')).some(({ run }) => run === 'r-s0'));
    const busy = await chain.phasebox('retry', 'r-s0', '--stage', 'fuse');
    expect(busy).to.include({ code: 0, out: 'r-s0: already running; `phasebox cancel` stops it\n' });
    await chain.release('serve');
    await waitFor('the variant', async () =>
      (await chain.journal('r-s0-low')).some(({ event }) => event === 'started'),
    );
    const one = await chain.phasebox('retry', 'r-s0', '--stage', 'fuse');
    if (!(await rowsOf()).includes('r-s0-low done')) {
      expect(one).to.include({ code: 2, out: '' });
      expect(one.err).to.match(/^r-s0: not retried, since what would be made again is read by r-s0-low\./);
    }
    await anew('r-s0-low');
  });

  it('handled twice, or cut short after each of its steps, comes to the same', async () => {
    expect(await up.stop()).to.equal(0);
    const journal = join(folder('p-s0'), 'journal.jsonl');
    const row = await chain.read('artifacts/results.jsonl');
    const lines = await readFile(journal, 'utf8');
    const retried = `${JSON.stringify({ event: 'retried', at: new Date().toISOString(), stage: 'fuse' })}\n`;
    // After the journal alone; then the row comes back as if it had not been taken out.
    await writeFile(journal, lines + retried);
    for (const _ of [1, 2]) expect(await chain.phasebox('retry', 'p-s0', '--stage', 'fuse')).to.include({ code: 0 });
    expect(await rowsOf()).not.to.include('p-s0 done');
    expect((await readdir(folder('p-s0'))).sort()).to.eql(['.3-fuse.a1', '1-train', 'journal.jsonl', 'run.json']);
    await chain.write('artifacts/results.jsonl', row);
    expect((await chain.phasebox('retry', 'p-s0', '--stage', 'fuse')).out).to.equal(
      'p-s0: queued again; it starts at fuse\n',
    );
    expect((await readFile(journal, 'utf8')).match(/retried/g)?.length).to.equal(2);
    expect(await chain.phasebox('up', '--once', '--no-dashboard')).to.include({ code: 0 });
    expect((await manifest('p-s0', '3-fuse')).attempt).to.equal(3);
    expect(await bytes('p-s0', '3-fuse')).to.eql(await bytes('q-s0', '3-fuse'));
  });
});

describe('prioritize', () => {
  it('puts waiting runs first, the latest foremost, with what they start from; also without `up`', async () => {
    chain = await makeChain();
    const hold = { scene: { lora: { hold: 'go' } } };
    up = await chain.up();
    await chain.write('inbox/1.yaml', config('a', hold));
    await waitFor('the training', async () => (await order()).length === 1);
    await chain.write('inbox/2.yaml', config('b'));
    await chain.write('inbox/3.yaml', config('c', { seeds: [0, 1] }));
    await chain.write('inbox/4.yaml', config('d', { variants: { q4: { fuse: { q_bits: 4 } } } }));
    await up.says(/phase d, \d+ new run/);
    expect(await up.stop('SIGTERM')).to.equal(0);
    const say = async (name: string): Promise<string> => (await chain.phasebox('prioritize', name)).out;
    expect(await say('c')).to.equal(
      'c-s0: moved before all other queued runs\nc-s1: moved before all other queued runs\n',
    );
    await chain.up();
    expect(await say('d-s0-q4')).to.equal('d-s0-q4: moved before all other queued runs\n');
    expect(await say('a')).to.equal('a-s0: not queued, so nothing was changed\n');
    await chain.release('go');
    await anew('b-s0');
    expect(await order()).to.eql(['a-s0', 'd-s0', 'c-s0', 'c-s1', 'b-s0']);
    const at = async (run: string): Promise<string> =>
      (await chain.journal(run)).find(({ event }) => event === 'started')?.at ?? '';
    expect((await at('d-s0-q4')) < (await at('c-s0')), 'the variant too').to.equal(true);
    await chain.remove();
  });
});

describe('a request', () => {
  it('about an unknown name ends with 2 and the nearest name; a foreign file is no request', async () => {
    chain = await makeChain();
    await chain.write('inbox/p.yaml', config('p'));
    const early = await chain.phasebox('cancel', 'p');
    expect([early.code, early.out]).to.eql([2, '']);
    expect(early.err).to.match(/There is no run or phase p\. Not read yet: p\.yaml in the inbox\. `phasebox status`/);
    await chain.phasebox('pause');
    await chain.write('.phasebox/requests/0000000000000001.1-cancel.json', 'not JSON');
    const { code, err } = await chain.phasebox('up', '--once', '--no-dashboard');
    expect([code, /1 run left/.test(err)]).to.eql([3, true]);
    for (const [kind, ...rest] of [
      ['cancel'],
      ['retry'],
      ['pause'],
      ['resume'],
      ['prioritize'],
      ['retry', '--stage', 'fuse'],
    ]) {
      const told = await chain.phasebox(kind!, 'p-s1', ...rest);
      expect([told.code, told.out], kind).to.eql([2, '']);
      expect(told.err, kind).to.match(/There is no run or phase p-s1\. Did you mean p-s0\?/);
    }
    expect((await chain.phasebox('retry', 'p', '--stage', 'trian')).err).to.match(
      /'trian' is invalid\. Did you mean train\?/,
    );
    expect(await readdir(join(chain.root, '.phasebox'))).not.to.include('requests');
    expect((await chain.phasebox('cancel', 'P')).out, 'names of phases are one in any case').to.equal(
      'p-s0: cancelled\n',
    );
    await chain.write('.phasebox/control.json', '{"version": 1, "paused": "soon"}');
    const damaged = await chain.phasebox('pause');
    expect(damaged.code, 'what it held is lost, and said so; what is asked now is done').to.equal(0);
    expect(damaged.err).to.match(/control\.json cannot be read: .*paused.* It is now \S+control\.json\.damaged/);
    await chain.remove();
  });
});
