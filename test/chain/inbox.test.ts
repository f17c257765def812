import { lstat, mkdir, readdir, readlink, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Chain, config, makeChain } from '../helpers/chain.ts';
import { waitFor } from '../helpers/temp.ts';

let chain: Chain;

/** Files that are no configs, and what their reasons must name. */
const bad: Readonly<Record<string, readonly [string | Uint8Array, RegExp]>> = {
  'type.yaml': [config('type', { train: { iters: 'many' } }), /iters[\s\S]*many/],
  'key.yaml': [config('key', { trian: {} }), /trian[\s\S]*train/],
  'gate.yaml': [config('gate', { criteria: { gate: 'overal >= 5' } }), /overal/],
  'model.yaml': [config('model', { model: './models/nowhere' }), /models\/nowhere/],
  'unreadable.yaml': ['phase: [a\n  b: {', /unreadable\.yaml/],
  'dots.yaml': [config('../dots'), /\.\.\/dots/],
  'big.yaml': [`${config('big')}notes: ${'x'.repeat(2_000_000)}\n`, /at most 1 MB/],
  'binary.yaml': [Uint8Array.from({ length: 300 }, (_, index) => index % 256), /binary\.yaml/],
  'double.yaml': [`${config('double')}phase: other\n`, /phase/],
  'empty.yaml': ['', /empty/],
};

describe('the inbox of a running `up`', () => {
  beforeEach(async () => {
    chain = await makeChain();
  });
  afterEach(() => chain.remove());

  it('refuses what is no config, with reasons, while a good run continues to its end', async () => {
    const up = await chain.up();
    await chain.write('inbox/good.yaml', config('good', { scene: { lora: { hold: 'go' } } }));
    await waitFor('the training', async () => (await chain.calls('lora')).length === 1);
    await mkdir(join(chain.root, 'inbox/folder'));
    await symlink(join(chain.root, 'nothing.yaml'), join(chain.root, 'inbox/link.yaml'));
    const target = await chain.write('elsewhere/target.yaml', 'phase: [');
    await symlink(target, join(chain.root, 'inbox/linked.yaml'));
    for (const [name, [content]] of Object.entries(bad)) await chain.write(`inbox/${name}`, content);
    await chain.write('inbox/4e3.yaml', config('number').replace('phase: number', 'phase: 4e3'));
    const dropped = [...Object.keys(bad), 'link.yaml', 'linked.yaml'];
    const rejected = async (): Promise<string[]> =>
      (await readdir(join(chain.root, 'inbox/rejected'))).filter((name) => !/^\.|\.reasons\.txt$/.test(name)).sort();
    await waitFor('all of them rejected', async () => (await rejected()).length === dropped.length);
    expect(await rejected()).to.eql(dropped.sort());
    for (const [name, [, reason]] of Object.entries(bad))
      expect(await chain.read(`inbox/rejected/${name}.reasons.txt`), name).to.match(reason);
    // As it is: the link, and what it points to where it was.
    expect(await chain.read('inbox/rejected/link.yaml.reasons.txt')).to.match(/link/);
    expect(await readlink(join(chain.root, 'inbox/rejected/link.yaml'))).to.equal(join(chain.root, 'nothing.yaml'));
    expect(await chain.read('elsewhere/target.yaml')).to.equal('phase: [');
    const [empty, told] = await Promise.all(
      ['', '.reasons.txt'].map((end) => stat(join(chain.root, `inbox/rejected/empty.yaml${end}`))),
    );
    expect(told!.mtimeMs - empty!.mtimeMs).to.be.at.least(5000);

    expect((await chain.rows()).length, 'the good run was not ended by any of it').to.equal(0);
    await chain.release('go');
    for (const run of ['good-s0', '4e3-s0']) expect(await chain.row(run)).to.include({ status: 'done' });
    expect((await chain.row('4e3-s0')).phase).to.equal('4e3');
    expect((await lstat(join(chain.root, 'inbox/folder'))).isDirectory()).to.equal(true);
    expect(await up.stop()).to.equal(0);
    const log = (await chain.read('.phasebox/log/phasebox.log')).split('\n');
    expect(log.filter((line) => line.includes('inbox/folder')).length).to.equal(1);
    expect((await readdir(join(chain.root, 'inbox'))).sort()).to.eql(['.claimed', 'accepted', 'folder', 'rejected']);
    const { rejected: listed } = JSON.parse((await chain.phasebox('status', '--json')).out);
    expect(listed.map(({ file }: { file: string }) => file)).to.eql(dropped.sort());
  });
});

describe('submit without an `up`', () => {
  beforeEach(async () => {
    chain = await makeChain();
  });
  afterEach(() => chain.remove());

  it('accepts several submissions of one file name at the same time, each once', async () => {
    const phases = ['a', 'b', 'c', 'd'];
    const submitted = await Promise.all(
      phases.map(async (phase) => chain.phasebox('submit', await chain.write(`${phase}/same.yaml`, config(phase)))),
    );
    for (const { code, err } of submitted) expect(code, err).to.equal(0);
    const accepted = (await readdir(join(chain.root, 'inbox/accepted'))).sort();
    expect(accepted).to.eql(['same.2.yaml', 'same.3.yaml', 'same.4.yaml', 'same.yaml']);
    const texts = await Promise.all(accepted.map((name) => chain.read(`inbox/accepted/${name}`)));
    expect(texts.sort()).to.eql(phases.map((phase) => config(phase)).sort());
    const { runs } = JSON.parse((await chain.phasebox('status', '--json')).out);
    expect(runs.map(({ run }: { run: string }) => run).sort()).to.eql(phases.map((phase) => `${phase}-s0`));
    expect(await readdir(join(chain.root, 'inbox/.claimed'))).to.eql([]);
  });
});
