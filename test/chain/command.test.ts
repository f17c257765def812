import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { commandLine } from '../../src/io/host/process-facts.ts';
import { boardJobs } from '../helpers/board-jobs.ts';
import { type Chain, config, makeChain } from '../helpers/chain.ts';
import { waitFor } from '../helpers/temp.ts';

let chain: Chain;

const refusal = { fail: 9, say: 'lora: error: unrecognized arguments: --no-such', code: 2 };
const held = { lora: { hold: 'go' } };
const training = (): Promise<unknown> =>
  waitFor('the training', async () =>
    /0\.300/.test(await chain.read('artifacts/p/p-s0/.1-train.a1/log.txt').catch(() => '')),
  );

describe('the command around a chain', () => {
  beforeEach(async () => {
    chain = await makeChain();
  });
  afterEach(() => chain.remove());

  it('`up --once` ends with what happened in this call: 2 rejected, 1 failed and rejected, 0 nothing', async () => {
    const once = async () => (await chain.phasebox('up', '--once', '--no-dashboard')).code;
    await chain.write('inbox/bad.yaml', 'phase: 7\n');
    expect(await once(), 'a file was rejected').to.equal(2);
    await chain.write('inbox/bad.yaml', 'phase: 7\n');
    await chain.write('inbox/failing.yaml', config('failing', { scene: { lora: refusal } }));
    await chain.write('inbox/good.yaml', config('good'));
    expect(await once(), 'a run failed, a file was rejected').to.equal(1);
    expect((await chain.rows()).map(({ run, status }) => [run, status])).to.eql([
      ['failing-s0', 'failed'],
      ['good-s0', 'done'],
    ]);
    // A download that is under way is neither waited for nor refused.
    await chain.write('inbox/half.yaml.part', 'phase: half\n');
    const idle = await chain.phasebox('up', '--once', '--no-dashboard');
    expect(idle.code, 'nothing; old rows do not count').to.equal(0);
    expect(idle.out).to.contain('ignored in the inbox: 1 file, not .yaml, .yml or .json: half.yaml.part.');
    const { out } = await chain.phasebox('status');
    expect(out).to.contain('half.yaml.part').and.to.not.contain('\nin the inbox: ');
  });

  it('a second `up` ends with 3, `status` and `logs` tell of a run while it works and when it has finished', async () => {
    const criteria = JSON.parse('{ "gate": "overall > 100", "outcomes": [{ "then": "low" }] }');
    const file = await chain.write('p.yaml', config('p', { scene: held, criteria }));
    const status = async () => JSON.parse((await chain.phasebox('status', '--json')).out);
    await rename(file, join(chain.root, 'inbox/p.yaml'));
    expect(await status()).to.deep.include({ up: false, paused: false, inbox: ['p.yaml'], rejected: [], runs: [] });
    expect(await chain.phasebox('submit', join(chain.root, 'inbox/p.yaml'))).to.include({ code: 0 });
    await rm(join(chain.root, 'inbox/p.yaml'));
    expect(await status()).to.deep.include({ up: false, inbox: [], rejected: [] });
    expect((await status()).runs[0]).to.include({ run: 'p-s0', state: 'waiting', stage: null });
    const up = await chain.up();
    await training();
    const now = await status();
    expect(now).to.deep.include({ up: true, inbox: [], rejected: [] });
    expect(now.runs.length).to.equal(1);
    expect(now.runs[0]).to.include({ run: 'p-s0', phase: 'p', state: 'running', stage: 'train', attempt: 1 });
    expect(now.runs[0]).to.include({ iteration: 10, of: 20, loss: 0.3, not_before: null, why: null });
    expect(now.runs[0]).to.include({ overall: null, strict: null, verdict: null });
    expect(now.runs[0]).to.have.all.keys([
      'run',
      'phase',
      'state',
      'stage',
      'attempt',
      'iteration',
      'of',
      'loss',
      'overall',
      'strict',
      'verdict',
      'eta_s',
      'not_before',
      'why',
    ]);
    const second = await chain.phasebox('up');
    expect([second.code, second.out]).to.eql([3, '']);
    expect(second.err).to.contain(`already up in ${chain.root} (pid ${up.pid})`);
    const text = (await chain.phasebox('status')).out;
    expect(text).to.match(/p-s0 +running +train +10\/20 +loss 0\.3/);
    const following = await chain.start('logs', 'p-s0', '-f');
    await following.says('--- train, attempt 1');
    await following.says('0000010_adapters.safetensors');
    expect(following.out()).not.to.contain('0000020_adapters');
    await chain.release('go');
    const { code, out } = await following.ended;
    expect(code).to.equal(0);
    expect(out)
      .to.contain('0000020_adapters.safetensors')
      .and.to.match(/GET \/phasebox-[0-9a-f]{32}/);
    expect(out.match(/0000010_adapters\.safetensors/g)?.length, 'each line once').to.equal(1);
    expect(await chain.row('p-s0')).to.include({ status: 'done' });
    const { overall, strict } = await chain.row('p-s0');
    const scores = { overall, strict, verdict: 'fail' };
    expect((await status()).runs[0]).to.include({ state: 'done', stage: null, iteration: null, why: null, ...scores });
    expect((await chain.phasebox('status')).out).to.match(
      /p-s0 +done +in .+: \d+\.\d % \(strict \d+\.\d %\), gate failed, outcome "low"/,
    );
    const train = await chain.phasebox('logs', 'p-s0', 'train');
    expect(train.out).to.contain('Loading pretrained model').and.not.to.contain('/health');
    expect(await chain.phasebox('logs', 'nobody')).to.include({ code: 2 });
    expect(await chain.phasebox('logs', 'p-s0', 'trian')).to.include({ code: 2 });
    expect(await up.stop()).to.equal(0);
    expect(await status()).to.deep.include({ up: false });
  });

  it('`submit B A` runs in the order of its arguments, `--watch` waits for the rows', async () => {
    const b = await chain.write('B.yaml', config('b'));
    const a = await chain.write('A.yaml', config('a', { scene: { lora: refusal } }));
    const up = await chain.up();
    const { code, out } = await chain.phasebox('submit', b, a, '--watch');
    expect(code, 'a failed').to.equal(1);
    expect(out).to.match(/b-s0: done in .+: \d+\.\d %[\s\S]*a-s0: failed after .+ \(BAD_SETTINGS\): /);
    expect((await chain.rows()).map(({ run }) => run)).to.eql(['b-s0', 'a-s0']);
    const c = await chain.write('C.yaml', config('c'));
    expect(await chain.phasebox('submit', c, '--watch')).to.include({ code: 0 });
    const wrong = await chain.write('wrong.yaml', 'phase: 7\n');
    const d = await chain.write('D.yaml', config('d'));
    expect(await chain.phasebox('submit', d, wrong), 'all or none').to.include({ code: 2 });
    expect(await up.stop()).to.equal(0);
    expect((await chain.rows()).map(({ run }) => run)).to.eql(['b-s0', 'a-s0', 'c-s0']);
  });

  it('`up --detach` that owns the workspace and then cannot start says why, exit 3', async () => {
    const running = await chain.startUnder({ PHASEBOX_PYTHON: '/nowhere/python' }, 'up', '--detach', '--no-dashboard');
    const { code, out, err } = await running.ended;
    expect([code, out]).to.eql([3, '']);
    expect(err).to.match(/did not come up[\s\S]*\/nowhere\/python does not exist/);
  });

  it('`up --detach` continues in the background until it is ended by its pid', async () => {
    const { code, out } = await chain.phasebox('up', '--detach', '--no-dashboard');
    expect(code).to.equal(0);
    const pid = Number(/pid (\d+)/.exec(out)?.[1]);
    await chain.write('inbox/p.yaml', config('p'));
    expect(await chain.row('p-s0')).to.include({ status: 'done' });
    expect(await chain.phasebox('up', '--detach')).to.include({ code: 3 });
    process.kill(pid, 'SIGTERM');
    await waitFor('its end', async () => (await commandLine(pid)) === null);
    expect(await chain.read('.phasebox/log/up.log')).to.contain('p-s0: eval done');
    expect(JSON.parse((await chain.phasebox('status', '--json')).out).up).to.equal(false);
  });

  it('Ctrl-C twice ends `up` and its tools; the next `up` continues with a new attempt to the row', async () => {
    const up = await chain.up();
    await chain.write('inbox/p.yaml', config('p', { scene: held }));
    await training();
    const [tool] = await chain.calls('lora');
    expect(await up.stop()).to.equal(0);
    expect(up.out()).to.match(/\d\d:\d\d:\d\d stopping train of p-s0 \(8 s at most\) \.\.\.\n/);
    expect(up.out())
      .to.contain('p-s0: train stopped; resumes from its last saved state at the next up\n')
      .and.not.contain('failed');
    const lines = up
      .out()
      .split('\n')
      .map((line) => /^\d\d:\d\d:\d\d (accepted p\.yaml|p-s0: started)/.exec(line)?.[1]);
    expect(lines.filter((line) => line !== undefined)).to.eql(['accepted p.yaml', 'p-s0: started']);
    expect(await commandLine(tool!.pid), 'the tool is gone').to.equal(null);
    expect((await chain.phasebox('status')).out).to.match(/p-s0 +stopped, resumes at the next up +train \(attempt 2\)/);
    expect(await chain.rows()).to.eql([]);
    await chain.release('go');
    expect(await chain.phasebox('up', '--once', '--no-dashboard')).to.include({ code: 0 });
    expect(await chain.rows()).to.have.length(1);
    const journal = await chain.journal('p-s0');
    const attempts = journal.flatMap((line) =>
      'attempt' in line && line.stage === 'train' ? [`${line.event} ${line.attempt}`] : [],
    );
    expect(attempts.filter((line) => /tool_started|failed|committed/.test(line))).to.eql([
      ...['tool_started 1', 'tool_started 1', 'failed 1'],
      ...['tool_started 2', 'tool_started 2', 'committed 2'],
    ]);
    expect(journal.find((line) => line.event === 'failed')).to.include({ code: 'STOPPED' });
    expect((await chain.calls('fuse_direct')).length).to.equal(1);
  });

  it('continues to the row and its exit code when its output has no reader left, and says so in the log', async () => {
    await chain.write('inbox/p.yaml', config('p', { scene: held }));
    const up = await chain.start('up', '--once', '--no-dashboard');
    await training();
    up.deafen();
    await chain.release('go');
    expect(await up.ended).to.include({ code: 0, err: '' });
    expect(await chain.row('p-s0')).to.include({ status: 'done' });
    expect(await chain.read('.phasebox/log/phasebox.log')).to.contain('the output has no reader left');
  });

  it('SIGTERM ends `up` alone; the next `up` takes its tool up, which never notices', async () => {
    const up = await chain.up();
    await chain.write('inbox/p.yaml', config('p', { scene: held }));
    await training();
    const [tool] = await chain.calls('lora');
    expect(await up.stop('SIGTERM')).to.equal(0);
    expect(await commandLine(tool!.pid), 'the tool goes on').not.to.equal(null);
    expect((await chain.phasebox('status')).out).to.match(
      /p-s0 +continues in the background +train +10\/20 +loss 0\.3/,
    );
    const { runs } = JSON.parse((await chain.phasebox('status', '--json')).out);
    expect(runs[0]).to.include({ state: 'running', stage: 'train', iteration: 10 });
    const next = await chain.up();
    await chain.release('go');
    expect(await chain.row('p-s0')).to.deep.include({ status: 'done', error: null });
    expect(await next.stop()).to.equal(0);
    expect((await chain.calls('lora')).length).to.equal(1);
    expect(JSON.parse(await chain.read('artifacts/p/p-s0/1-train/manifest.json')).attempt).to.equal(1);
  });

  it('a closed terminal (SIGHUP) ends `up` alone; the next one continues with the same progress, without a gap', async () => {
    const up = await chain.up();
    await chain.write('inbox/p.yaml', config('p', { scene: held }));
    await training();
    const status = async () => JSON.parse((await chain.phasebox('status', '--json')).out).runs[0];
    await waitFor('the first `up` telling of it', async () => (await status()).iteration === 10);
    const [tool] = await chain.calls('lora');
    expect(await up.stop('SIGHUP')).to.equal(0);
    expect(await commandLine(tool!.pid), 'the tool goes on').not.to.equal(null);
    const next = await chain.up();
    expect(await status(), 'what was before').to.include({
      state: 'running',
      stage: 'train',
      iteration: 10,
      loss: 0.3,
    });
    await chain.release('go');
    expect(await chain.row('p-s0')).to.deep.include({ status: 'done', error: null });
    expect((await chain.calls('lora')).length, 'one start').to.equal(1);
    const [job] = (await boardJobs(chain, 'train')).filter(({ id }) => id === 'p-s0-train-a1');
    const iterations = job?.log.flatMap((line) => /^(\d+) +\d\.\d{3} /.exec(line)?.[1] ?? []);
    expect(iterations, 'each report once, from before and after').to.eql(['5', '10', '15', '20']);
    expect(await next.stop()).to.equal(0);
    const journal = await chain.journal('p-s0');
    expect(journal.filter(({ event }) => event === 'failed')).to.eql([]);
  });
});
