import { access, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Row } from '../../src/events/row.ts';
import type { Manifest } from '../../src/events/run.ts';
import { type Chain, config, makeChain } from '../helpers/chain.ts';

let chain: Chain;

const modelOf = (run: string, stage = '3-fuse'): string => join(chain.root, 'artifacts/p', run, stage, 'model');
const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
const manifestOf = async (run: string, stage = '3-fuse'): Promise<Manifest> =>
  JSON.parse(await chain.read(`artifacts/p/${run}/${stage}/manifest.json`));

/** Runs one config to its end. */
async function live(over: Record<string, unknown>): Promise<Row[]> {
  await chain.write('inbox/p.yaml', config('p', over));
  const { code, out, err } = await chain.phasebox('up', '--once', '--no-dashboard');
  expect([code, err], out).to.eql([0, '']);
  return chain.rows();
}

describe('cleanup.keep_model', () => {
  beforeEach(async () => {
    chain = await makeChain();
  });
  afterEach(() => chain.remove());

  it('best: of a phase one model stays, that of its best run', async () => {
    const rows = await live({ seeds: 4, cleanup: { keep_model: 'best' } });
    expect(new Set(rows.map(({ overall }) => overall)), 'scores that differ')
      .to.have.property('size')
      .above(1);
    const best = rows.reduce((a, b) => ((b.overall ?? 0) > (a.overall ?? 0) ? b : a)).run;
    for (const { run, bytes } of rows) {
      expect(await isThere(modelOf(run)), run).to.equal(run === best);
      const { removed, outputs } = await manifestOf(run);
      const below = outputs.filter(({ path }) => path.startsWith('model/'));
      expect(removed?.paths ?? null).to.eql(run === best ? null : below.map(({ path }) => path));
      expect(bytes.final).to.equal(below.reduce((sum, one) => sum + one.bytes, 0));
      expect(await readdir(join(chain.root, 'artifacts/p', run, '1-train/adapter'))).to.include('adapters.safetensors');
    }
  });

  it('none: a model stays as long as another run reads it, and what a crash left is removed by the next `up`', async () => {
    const variants = { warm: { eval: { temperature: 0.5 } }, two: { fuse: { mode: 'two_step' } } };
    const rows = await live({ cleanup: { keep_model: 'none' }, variants });
    expect(rows.map(({ run, status }) => [run, status])).to.eql(
      ['p-s0', 'p-s0-warm', 'p-s0-two'].map((run) => [run, 'done']),
    );
    expect(await isThere(modelOf('p-s0'))).to.equal(false);
    expect(await isThere(modelOf('p-s0-two', '4-quantize'))).to.equal(false);
    expect((await manifestOf('p-s0-two', '4-quantize')).removed?.paths).to.include('model/model.safetensors');

    const marked = await chain.read('artifacts/p/p-s0/3-fuse/manifest.json');
    await mkdir(modelOf('p-s0'));
    await writeFile(join(modelOf('p-s0'), 'model.safetensors'), 'left by a crash between mark and deletion');
    expect(await chain.phasebox('up', '--once', '--no-dashboard')).to.include({ code: 0, err: '' });
    expect(await isThere(modelOf('p-s0'))).to.equal(false);
    expect(await chain.read('artifacts/p/p-s0/3-fuse/manifest.json')).to.equal(marked);
  });

  it('tells export and later runs that a model is gone, and how to make it again', async () => {
    await live({ cleanup: { keep_model: 'best' }, seeds: 3 });
    const runs = ['p-s0', 'p-s1', 'p-s2'];
    const there = await Promise.all(runs.map((run) => isThere(modelOf(run))));
    const gone = runs[there.indexOf(false)] ?? '';
    const exported = await chain.phasebox('export', gone, join(chain.root, 'out'));
    expect(exported.code).to.equal(1);
    expect(exported.err)
      .to.match(/its model was removed/)
      .and.to.contain(`from: { run: ${gone}, after: train }`);

    const retried = await chain.phasebox('retry', gone, '--stage', 'eval');
    expect([retried.code, retried.err]).to.eql([
      2,
      `${gone}: not retried, since the model that the stage reads was removed. Use \`--stage fuse\`.\n`,
    ]);
    expect((await chain.rows()).find(({ run }) => run === gone)).to.include({ status: 'done' });

    await chain.write(
      'inbox/q.json',
      JSON.stringify({ phase: 'q', from: { run: gone, after: 'fuse' }, eval: { suite: 'four.yaml' } }),
    );
    expect(await chain.phasebox('up', '--once', '--no-dashboard')).to.include({ code: 1 });
    const row = (await chain.rows()).find(({ run }) => run === 'q-s0');
    expect(row?.error?.code).to.equal('MISSING_INPUT');
    expect(row?.error?.message).to.contain(`the model of ${gone} was removed on`).and.to.contain('phasebox retry');
  });

  it('never touches a model from outside', async () => {
    const outside = join(chain.root, 'demo/models/B-base');
    const before = await readdir(outside);
    await chain.write(
      'inbox/p.json',
      JSON.stringify({ phase: 'p', from: { model: outside }, eval: { suite: 'four.yaml', base: false } }),
    );
    await chain.write('inbox/z.yaml', config('z', { cleanup: { keep_model: 'none' } }));
    expect(await chain.phasebox('up', '--once', '--no-dashboard')).to.include({ code: 0, err: '' });
    expect(await readdir(outside)).to.eql(before);
    expect(await isThere(join(chain.root, 'artifacts/z/z-s0/3-fuse/model'))).to.equal(false);
  });
});
