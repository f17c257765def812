import { createHash } from 'node:crypto';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Chain, config, makeChain, type Running } from '../helpers/chain.ts';
import { folder, held, trains } from '../helpers/control.ts';
import { parseLines } from '../helpers/lines.ts';
import { waitFor } from '../helpers/temp.ts';
import type { TrainEvent } from '../helpers/trainings.ts';

let chain: Chain;
let up: Running;

/** Waits until the first attempt of a held training has saved its state of iteration 10 of 20. */
async function isSaved(run: string): Promise<void> {
  await trains(chain, run);
  const states = join(folder(chain, run), '.1-train.a1/states');
  await waitFor('a state', async () => (await readdir(states).catch(() => [])).length === 1);
}

const callOf = async (run: string, nth = 0) => (await chain.calls('lora')).filter((call) => call.run === run)[nth];

/** What is the same after every interruption: one row, iterations 1 to 10 once, and the weights of `whole-s0`. */
async function expectResumed(run: string): Promise<void> {
  const row = await chain.row(run);
  expect(row, run).to.deep.include({ status: 'done', error: null });
  expect(row.training).to.deep.include({ resumed: [10], stopped: null, fallback: null, peak_bytes: 5e8 });
  expect(row.training?.trainable).to.eql({ parameters: 512, share: 0.01 });
  const stage = join(folder(chain, run), '1-train');
  expect(await readdir(stage))
    .to.include('progress.jsonl')
    .and.not.include('states');
  const events = parseLines<TrainEvent>(
    await chain.read(join('artifacts', run.replace('-s0', ''), run, '1-train/progress.jsonl')),
  );
  const begun = events.flatMap(({ event, phase, iteration }) =>
    event === 'beat' && phase === 'training' ? [iteration ?? 0] : [],
  );
  expect(begun, 'no iteration twice').to.eql(Array.from({ length: 20 }, (_, index) => index + 1));
  const lines = (await chain.journal(run)).filter(({ event }) => event === 'training_resumed');
  expect(lines).to.have.length(1);
  expect(lines[0]).to.include({ stage: 'train', attempt: 2, iteration: 10 });
  const { custody } = await chain.row('whole-s0');
  expect(row.custody.adapter, 'the same weights as without the interruption').to.equal(custody.adapter);
  expect(row.checkpoint).to.equal(20);
}

describe('a training that was interrupted', () => {
  before(async () => {
    chain = await makeChain();
    await chain.write('inbox/whole.yaml', config('whole'));
    up = await chain.up();
    expect((await chain.row('whole-s0')).training).to.deep.include({ resumed: [] });
  });
  after(() => chain.remove());

  it('resumes from its state when its tool was killed; journal, row, manifest, terminal and page say where', async () => {
    await chain.write('inbox/killed.yaml', config('killed', held('go-killed')));
    await isSaved('killed-s0');
    process.kill((await callOf('killed-s0'))?.pid ?? 0, 'SIGKILL');
    await expectResumed('killed-s0');
    expect(await chain.journal('killed-s0').then((lines) => lines.find(({ event }) => event === 'failed'))).to.include({
      code: 'TOOL_LOST',
    });
    expect(up.out()).to.match(/killed-s0: train resumes after iteration 10\n/);
    await waitFor('the page', async () => /resumed after iteration 10/.test(await chain.read('artifacts/runs.md')));
    await waitFor('the plot', async () =>
      /killed-s0/.test(await chain.read('artifacts/plots/loss.svg').catch(() => '')),
    );
  });

  it('resumes after `cancel` and `retry`', async () => {
    await chain.write('inbox/back.yaml', config('back', held('go-back')));
    await isSaved('back-s0');
    expect(await chain.phasebox('cancel', 'back-s0')).to.include({ code: 0 });
    expect(await chain.row('back-s0')).to.include({ status: 'cancelled' });
    expect(await chain.phasebox('retry', 'back-s0')).to.include({ code: 0 });
    await waitFor('the new row', async () =>
      (await chain.rows()).some((row) => row.run === 'back-s0' && row.status === 'done'),
    );
    await expectResumed('back-s0');
  });

  it('is not tried again above the memory limit of its phase, and the error says what to change', async () => {
    await chain.write('inbox/large.yaml', config('large', { memory_gb: 3, scene: { lora: { memory: 7 } } }));
    const { error } = await chain.row('large-s0');
    expect(error).to.include({ code: 'OUT_OF_MEMORY', stage: 'train', attempt: 1 });
    expect(error?.message).to.contain('the peak is 6.0 GB at iteration 7, and the limit (memory_gb) is 3.0 GB. Change');
    expect(error?.message).to.contain('batch_size (now 2), max_seq_length (now 128) or grad_checkpoint (now false)');
    const failed = (await chain.journal('large-s0')).find((line) => line.event === 'failed');
    expect(failed).to.include({ retry_at: null });
  });

  it('says so if the driver does not fit: plain mlx_lm trains, and its log is read', async () => {
    await chain.write('inbox/plain.yaml', config('plain', { scene: { lora: { fallback: true } } }));
    const row = await chain.row('plain-s0');
    expect(row).to.deep.include({ status: 'done', error: null });
    expect(row.training?.fallback).to.equal('nothing fits');
    expect(row.metrics).to.eql({ train_loss: 0.15, val_loss: 0.1 });
    expect(row.warnings.join()).to.contain('plain `mlx_lm lora` trained').and.to.contain('nothing fits');
  });

  it('is not resumed from the state of another training, which is said; its checkpoints are not used either', async () => {
    await chain.write('inbox/other.yaml', config('other', held('go-other')));
    await isSaved('other-s0');
    expect(await up.stop()).to.equal(0);
    expect(up.out()).to.contain('other-s0: train stopped; resumes from its last saved state at the next up\n');
    const attempt = join(folder(chain, 'other-s0'), '.1-train.a1');
    const [state = ''] = await readdir(join(attempt, 'states'));
    const checksum = createHash('sha256').update('another').digest('hex').slice(0, 32);
    await writeFile(join(attempt, 'states', `state-0000010-${checksum}.safetensors`), 'another');
    await rm(join(attempt, 'states', state));
    await rename(
      join(attempt, 'adapter/0000010_adapters.safetensors'),
      join(attempt, 'adapter/0000003_adapters.safetensors'),
    );
    await chain.release('go-other');
    up = await chain.up();
    const row = await chain.row('other-s0');
    expect(row).to.deep.include({ status: 'done', error: null });
    expect(row.training?.resumed).to.eql([]);
    expect(row.warnings.join()).to.match(/the training started again at iteration 1: .*belongs to another training/);
    expect(row.custody.adapter).to.equal((await chain.row('whole-s0')).custody.adapter);
    expect(await readdir(join(folder(chain, 'other-s0'), '1-train/adapter'))).to.not.include(
      '0000003_adapters.safetensors',
    );
    expect((await chain.calls('lora')).filter(({ run }) => run === 'other-s0')).to.have.length(3);
    expect(await readdir(folder(chain, 'other-s0'))).to.not.include('.1-train.a3');
  });
});
