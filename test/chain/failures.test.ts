import { readdir, readFile, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import type { JournalLine } from '../../src/events/run.ts';
import { commandLine } from '../../src/io/host/process-facts.ts';
import { controlFiles } from '../../src/io/tool/tool-process.ts';
import { boardJobs } from '../helpers/board-jobs.ts';
import { type Chain, config, makeChain, type Running } from '../helpers/chain.ts';
import { waitFor } from '../helpers/temp.ts';

const gpu =
  'libc++abi: terminating due to uncaught exception: [METAL] Command buffer execution failed: ' +
  'Caused GPU Timeout Error (00000002:kIOGPUCommandBufferCallbackErrorTimeout)';

let chain: Chain;
let up: Running;

type Failed = Extract<JournalLine, { event: 'failed' }>;

const failures = async (run: string): Promise<Failed[]> =>
  (await chain.journal(run)).filter((line): line is Failed => line.event === 'failed');

describe('a run that fails', () => {
  before(async () => {
    chain = await makeChain();
    up = await chain.up();
  });
  after(() => chain.remove());

  it('is tried again in a fresh folder after a fault of the GPU, and is done', async () => {
    const fault = { fail: 2, say: `Loading with hf_abcdefghijkl\n${gpu}`, code: 134 };
    const env = { HF_TOKEN: 'hf_abcdefghijkl' };
    await chain.write('inbox/gpu.yaml', config('gpu', { env, scene: { fuse_direct: fault } }));
    const row = await chain.row('gpu-s0');
    expect(row).to.deep.include({ status: 'done', error: null });
    expect((await chain.calls('fuse_direct')).map(({ cwd }) => cwd.slice(-10))).to.eql([
      ...['/.3-fuse.a1', '/.3-fuse.a2', '/.3-fuse.a3'].map((folder) => folder.slice(-10)),
    ]);
    expect((await chain.calls('lora')).length, 'what was done is not done again').to.equal(1);
    const failed = await failures('gpu-s0');
    expect(failed.map(({ code, attempt, stage }) => [code, attempt, stage])).to.eql([
      ['GPU_FAULT', 1, 'fuse'],
      ['GPU_FAULT', 2, 'fuse'],
    ]);
    expect(failed[0]?.retry_at, 'retry_pause_s: [0]').not.to.equal(null);
    expect(failed[0]?.log).to.eql(['Loading with [redacted]', gpu]);
    const done = (await chain.journal('gpu-s0')).find((line) => line.event === 'committed' && line.stage === 'fuse');
    const seconds = [...failed, done].reduce((sum, line) => sum + (line && 'seconds' in line ? line.seconds : 0), 0);
    expect(row.seconds.fuse).to.be.closeTo(seconds, 1e-9);
    // What was tried leaves its log and no more.
    const folder = join(chain.root, 'artifacts/gpu/gpu-s0');
    const left = await readdir(join(folder, '.3-fuse.a1'));
    expect(left.filter((name) => !controlFiles.some((one) => one === name)).sort()).to.eql(['command.json', 'log.txt']);
    expect(JSON.parse(await readFile(join(folder, '3-fuse/manifest.json'), 'utf8')).attempt).to.equal(3);
  });

  it('is red on the board, attempt by attempt, with code and the end of the log', async () => {
    const shown = await boardJobs(chain, 'fuse');
    const [first, , third] = ['a1', 'a2', 'a3'].map((attempt) =>
      shown.find(({ id }) => id === `gpu-s0-fuse-${attempt}`),
    );
    expect(first).to.deep.include({ failed: true });
    expect(first?.reason).to.match(/^GPU_FAULT: .*GPU timed out/);
    expect(first?.stack?.join('\n')).to.contain(gpu);
    expect(third).to.deep.include({ failed: false });
    const [trained] = (await boardJobs(chain, 'train')).filter(({ id }) => id === 'gpu-s0-train-a1');
    expect(trained?.log.join('\n')).to.contain('0000020_adapters.safetensors').and.not.to.contain('\u001b');
  });

  it('is not retried when the settings are refused, and the next one starts', async () => {
    const said = await readFile(resolve(import.meta.dirname, '../fixtures/logs/too-many-layers-0.32.2.log'), 'utf8');
    const refusal = { fail: 9, say: `${'line\n'.repeat(30)}${said}` };
    await chain.write('inbox/layers.yaml', config('layers', { scene: { lora: refusal } }));
    await chain.write('inbox/next.yaml', config('next'));
    expect(await chain.row('next-s0')).to.include({ status: 'done' });
    const row = await chain.row('layers-s0');
    expect(row).to.deep.include({ status: 'failed', overall: null, verdict: null });
    expect(row.error).to.include({ code: 'BAD_SETTINGS', stage: 'train', attempt: 1 });
    expect(row.error?.message).to.match(/^The tool rejects the settings: ValueError/);
    expect(row.error?.log.length).to.be.within(2, 20);
    expect(said.trimEnd().endsWith(row.error?.log.at(-1) ?? 'nothing')).to.equal(true);
    expect((await failures('layers-s0')).map(({ retry_at }) => retry_at)).to.eql([null]);
    await up.says(/layers-s0: train failed, not retried\. The tool rejects/);
  });

  it('ends with its tool at the first loss that is not a number', async () => {
    await chain.write('inbox/nan.yaml', config('nan', { scene: { lora: { nan: 10 } } }));
    const row = await chain.row('nan-s0');
    expect(row.error).to.include({ code: 'NAN_LOSS', stage: 'train', attempt: 1 });
    expect(row.error?.message).to.match(/val loss is NaN at iteration 10/);
    const [call] = (await chain.calls('lora')).filter(({ run }) => run === 'nan-s0');
    expect(await commandLine(call!.pid), 'the tool is gone').to.equal(null);
  });

  it('is tried again in a fresh folder when its tool is ended from outside with its wrapper, exit code unknown', async () => {
    await chain.write('inbox/lost.yaml', config('lost', { scene: { lora: { hold: 'found' } } }));
    const attempt = 'artifacts/lost/lost-s0/.1-train.a1';
    await waitFor('the training', async () =>
      /0000010_adapters/.test(await chain.read(`${attempt}/log.txt`).catch(() => '')),
    );
    const [call] = (await chain.calls('lora')).filter(({ run }) => run === 'lost-s0');
    const group = Number((await execa('ps', ['-o', 'pgid=', '-p', String(call!.pid)])).stdout);
    process.kill(-group, 'SIGKILL'); // the group is the wrapper's own: it and the tool, at once
    await chain.release('found');
    expect(await chain.row('lost-s0')).to.deep.include({ status: 'done', error: null });
    const failed = await failures('lost-s0');
    expect(failed.map(({ code, stage, attempt: nth }) => [code, stage, nth])).to.eql([['TOOL_LOST', 'train', 1]]);
    expect(failed[0]?.log.join('\n')).to.contain('0000010_adapters');
    const again = (await chain.calls('lora')).filter(({ run }) => run === 'lost-s0');
    expect(again.map(({ cwd }) => cwd.slice(-12))).to.eql(['/.1-train.a1', '/.1-train.a2']);
    expect(JSON.parse(await chain.read('artifacts/lost/lost-s0/1-train/manifest.json')).attempt).to.equal(2);
  });

  it('never begins to train when a preflight command fails, which runs in the workspace', async () => {
    const preflight = [
      ['sh', '-c', 'pwd > where.txt'],
      ['sh', '-c', 'echo no battery; exit 3'],
    ];
    await chain.write('inbox/flight.yaml', config('flight', { preflight }));
    const row = await chain.row('flight-s0');
    expect(row.error).to.include({ code: 'PREFLIGHT_FAILED', stage: 'train', attempt: 1 });
    expect(row.error?.message).to.contain('no battery');
    expect(row.error?.log).to.eql(['no battery']);
    expect((await chain.read('where.txt')).trim()).to.equal(await realpath(chain.root));
    expect((await chain.calls()).filter(({ run }) => run === 'flight-s0')).to.eql([]);
  });

  it('fails for good after all retries', async () => {
    await chain.write('inbox/ever.yaml', config('ever', { scene: { serve: { fail: 99, say: gpu, code: 134 } } }));
    const row = await chain.row('ever-s0');
    expect(row).to.deep.include({ status: 'failed' });
    expect(row.error).to.include({ code: 'GPU_FAULT', stage: 'eval', attempt: 4 });
    expect((await chain.calls('serve')).filter(({ run }) => run === 'ever-s0').length).to.equal(4);
  });

  it('leaves `up` as it was', async () => {
    await waitFor('the page', async () => /ever-s0/.test(await chain.read('artifacts/COMPARISON.md').catch(() => '')));
    expect(await up.stop()).to.equal(0);
    const rows = await chain.rows();
    expect(rows.map(({ run }) => run)).to.eql([
      ...['gpu-s0', 'layers-s0', 'next-s0', 'nan-s0', 'lost-s0', 'flight-s0', 'ever-s0'],
    ]);
  });
});
