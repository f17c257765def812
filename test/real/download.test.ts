import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { isAlive, stopTool } from '../../src/io/tool/tool-process.ts';
import { type Chain, config, makeChain } from '../helpers/chain.ts';
import { type Hub, hubCommit, startHub } from '../helpers/hub.ts';
import { demoBase, testPython } from '../helpers/real-stage.ts';
import { tempDir, waitFor } from '../helpers/temp.ts';

let hub: Hub;
let chain: Chain;
let hubCache: string;

/** `up` and its tools see the small Hub and an empty cache. */
async function workspaceOn(over: object = {}): Promise<Chain> {
  hubCache = await tempDir('hub');
  const made = await makeChain(
    { python: resolve('test/fixtures/bin/python-with-hub'), ...over },
    {
      ...{ HUB_PYTHON: testPython, HF_ENDPOINT: hub.url, HF_HUB_OFFLINE: '0', HF_HUB_DISABLE_TELEMETRY: '1' },
      ...{ HF_HUB_CACHE: hubCache, MLX_DISABLE_COMPILE: '1' },
    },
  );
  return made;
}

const drop = (phase: string, over: Record<string, unknown>): Promise<string> =>
  chain.write(`inbox/${phase}.yaml`, config(phase, over));
const weights = (): number => hub.requests.filter((request) => /^GET .*\/model\.safetensors$/.test(request)).length;
const started = async (phase: string): Promise<number> => {
  const line = (await chain.journal(phase)).find(({ event }) => event === 'started');
  return Date.parse(line?.at ?? '');
};

async function downloadFolder(): Promise<string> {
  const folder = join(chain.root, '.phasebox/downloads');
  const [name = ''] = await waitFor('a download', () => readdir(folder).catch(() => []));
  return join(folder, name);
}

describe('download: true of a model whose chat template refuses the suite', () => {
  afterEach(async () => {
    await chain.remove();
    await hub.close();
  });

  it('is reported once it is here, before the run starts, and the next run starts', async () => {
    const folder = join(await tempDir('refusing'), 'model');
    await cp(demoBase('B'), folder, { recursive: true });
    const template = "{{ raise_exception('no system turn here') }}";
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ chat_template: template }));
    hub = await startHub('tiny/B', folder);
    chain = await workspaceOn();
    const asking = { suite: 'four.yaml', base: false, cost: false, system: 'Call the tools.' };
    await drop('a', { model: 'tiny/B', download: true, eval: asking });
    await drop('b', { model: 'tiny/B', download: true, eval: { ...asking, system: '' } });
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(1);
    const [refused, done] = await chain.rows();
    expect(refused).to.include({ run: 'a-s0', status: 'failed', started: null });
    expect(refused?.error).to.include({ code: 'BAD_SETTINGS', stage: 'train' });
    for (const text of ['eval.suite', 'no system turn here', '`eval.system: ""`'])
      expect(refused?.error?.message).to.contain(text);
    expect(done).to.include({ run: 'b-s0', status: 'done' });
    expect((await chain.calls('lora')).map(({ run }) => run)).to.eql(['b-s0']);
  });
});

describe('download: true of a model that cannot be used', () => {
  afterEach(async () => {
    await chain.remove();
    await hub.close();
  });

  it('fails once it is here, before the run starts', async () => {
    const folder = join(await tempDir('unusable'), 'model');
    await cp(demoBase('B'), folder, { recursive: true });
    await writeFile(join(folder, 'model.safetensors'), 'version https://git-lfs.github.com/spec/v1\n');
    hub = await startHub('tiny/B', folder);
    chain = await workspaceOn();
    await drop('a', { model: 'tiny/B', download: true });
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(1);
    const [row] = await chain.rows();
    expect(row).to.include({ run: 'a-s0', status: 'failed', started: null });
    expect(row?.error?.code).to.equal('BAD_MODEL');
    expect(row?.error?.message).to.match(/Git LFS pointer.*delete .*models--tiny--B, then fetch .*hf download tiny\/B/);
    expect(await chain.calls('lora')).to.eql([]);
  });
});

describe('download: true, with the real huggingface_hub', () => {
  beforeEach(async () => {
    hub = await startHub('tiny/B', demoBase('B'));
    chain = await workspaceOn();
  });
  afterEach(async () => {
    await chain.remove();
    await hub.close();
  });

  it('fetches a model once for all its runs; runs that need no fetching pass those that wait', async () => {
    const release = hub.hold();
    const up = await chain.up();
    await drop('a', { model: 'tiny/B', download: true, seeds: 2 });
    await waitFor('a-s0', () =>
      chain.journal('a-s0').then(
        (lines) => lines.length > 0,
        () => false,
      ),
    );
    await drop('b', {});
    expect(await chain.row('b-s0')).to.include({ status: 'done' });
    const status = JSON.parse((await chain.phasebox('status', '--json')).out);
    const waiting = { state: 'waiting', why: 'fetching its model tiny/B' };
    // The finished run comes first.
    expect(status.runs.map(({ run }: { run: string }) => run)).to.deep.equal(['b-s0', 'a-s0', 'a-s1']);
    for (const run of status.runs.slice(1)) expect(run).to.deep.include(waiting);

    release();
    expect(await chain.row('a-s1')).to.include({ status: 'done', model: 'tiny/B' });
    expect(await started('b-s0')).to.be.below(await started('a-s0'));
    expect(weights()).to.equal(1);
    const plan = JSON.parse(await chain.read('artifacts/a/a-s0/run.json'));
    expect(plan.model).to.deep.equal({ source: 'tiny/B', folder: null, revision: null, download: true });
    const fetched = (await chain.journal('a-s1')).find(({ event }) => event === 'fetched');
    expect(fetched).to.deep.include({ event: 'fetched', revision: hubCommit });
    const trained = JSON.parse(await chain.read('artifacts/a/a-s0/1-train/manifest.json'));
    expect(trained.commands.flat().join(' ')).to.contain(`models--tiny--B/snapshots/${hubCommit}`);
    expect(up.out())
      .to.match(/tiny\/B: fetching its model/)
      .and.to.match(/tiny\/B: fetched in/);
    expect(await up.stop()).to.equal(0);
    expect(await isAlive(await downloadFolder())).to.equal(false);
  });

  it('continues while one of its runs waits, and ends when all are cancelled; a later run gets it all the same', async () => {
    const release = hub.hold();
    const up = await chain.up();
    await drop('a', { model: 'tiny/B', download: true });
    await drop('b', { model: 'tiny/B', download: true });
    await waitFor('a file asked for', () => hub.requests.some((request) => /^GET .*resolve/.test(request)));
    await up.says(/phase b, \d+ new run/);
    const folder = await downloadFolder();
    const ended = 'tiny/B: no run needs it now';
    expect(await chain.phasebox('cancel', 'a')).to.include({ code: 0 });
    expect(await chain.row('a-s0')).to.include({ status: 'cancelled' });
    expect([await isAlive(folder), up.out().includes(ended)]).to.eql([true, false]);
    expect(await chain.phasebox('cancel', 'b')).to.include({ code: 0 });
    await up.says(ended);
    expect(await isAlive(folder)).to.equal(false);
    release();
    await drop('c', { model: 'tiny/B', download: true });
    expect(await chain.row('c-s0')).to.include({ status: 'done' });
    expect(await up.stop()).to.equal(0);
  });

  it('starts no run before all files are there: weights alone are no model', async () => {
    const release = hub.hold(/tokenizer/);
    const up = await chain.up();
    await drop('a', { model: 'tiny/B', download: true });
    const cached = async () => readdir(hubCache, { recursive: true });
    await waitFor('the weights', async () => (await cached()).some((name) => /snapshots.*\.safetensors$/.test(name)));
    await drop('b', {});
    expect(await chain.row('b-s0')).to.include({ status: 'done' });
    expect((await chain.journal('a-s0')).map(({ event }) => event)).to.not.include('started');
    release();
    expect(await chain.row('a-s0')).to.deep.include({ status: 'done', error: null });
    expect(weights()).to.equal(1);
    expect(await up.stop()).to.equal(0);
  });

  it('continues when `up` ends, and is resumed by the next one', async () => {
    const release = hub.hold();
    const up = await chain.up();
    await drop('a', { model: 'tiny/B', revision: 'main', download: true });
    await waitFor('a file asked for', () => hub.requests.some((request) => /^GET .*resolve/.test(request)));
    expect(await up.stop()).to.equal(0);
    const folder = await downloadFolder();
    expect(await isAlive(folder)).to.equal(true);
    const { nonce } = JSON.parse(await readFile(join(folder, 'command.json'), 'utf8'));

    const again = await chain.up();
    await again.says('tiny/B: fetching its model');
    expect(JSON.parse(await readFile(join(folder, 'command.json'), 'utf8')).nonce).to.equal(nonce);
    release();
    expect(await chain.row('a-s0')).to.include({ status: 'done' });
    expect(weights()).to.equal(1);
    expect(await again.stop()).to.equal(0);
  });
});

describe('a model that cannot be fetched', () => {
  beforeEach(async () => {
    hub = await startHub('tiny/B', demoBase('B'));
  });
  afterEach(async () => {
    await chain.remove();
    await hub.close();
  });

  it('fails its runs: at once when it does not exist, after the retries when the hub is down; others continue', async () => {
    chain = await workspaceOn({ stage_retries: 1 });
    await drop('absent', { model: 'tiny/none', download: true });
    await drop('ok', {});
    const first = await chain.phasebox('up', '--once', '--no-dashboard');
    expect(first.code, first.err).to.equal(1);
    hub.fail(Number.POSITIVE_INFINITY);
    await drop('down', { model: 'tiny/B', download: true, seeds: 2 });
    const second = await chain.phasebox('up', '--once', '--no-dashboard');
    expect(second.code, second.err).to.equal(1);
    expect(second.out.match(/tiny\/B: fetching its model/g)).to.have.length(2);

    const rows = new Map((await chain.rows()).map((row) => [row.run, row]));
    expect(rows.get('ok-s0')).to.include({ status: 'done' });
    const absent = rows.get('absent-s0');
    expect(absent?.error).to.include({ code: 'MISSING_INPUT', stage: 'train', attempt: 1 });
    expect(absent?.error?.message).to.match(/tiny\/none cannot be fetched: .*Correct the name/);
    for (const run of ['down-s0', 'down-s1']) {
      expect(rows.get(run)?.error).to.include({ code: 'DOWNLOAD_FAILED', stage: 'train' });
      expect(rows.get(run)?.error?.log.join('\n')).to.contain('cannot be fetched');
    }
  });

  it('is fetched again when its download was killed', async () => {
    chain = await workspaceOn();
    const release = hub.hold();
    const up = await chain.up();
    await drop('a', { model: 'tiny/B', download: true });
    await waitFor('a file asked for', () => hub.requests.some((request) => /^GET .*resolve/.test(request)));
    await stopTool(await downloadFolder());
    release();
    expect(await chain.row('a-s0')).to.include({ status: 'done' });
    expect(up.out()).to.match(/tiny\/B: not fetched, tried again in 0 s\. The model could not be downloaded: /);
    expect(await up.stop()).to.equal(0);
  });

  it('is fetched when the hub is back', async () => {
    chain = await workspaceOn({ retry_pause_s: [0.1] });
    hub.fail(3);
    await drop('a', { model: 'tiny/B', download: true });
    const { code, out, err } = await chain.phasebox('up', '--once', '--no-dashboard');
    expect(code, err).to.equal(0);
    expect(out).to.match(/tiny\/B: not fetched, tried again in 0\.1 s\./);
  });
});
