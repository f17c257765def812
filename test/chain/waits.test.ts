import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Status } from '../../src/commands/status.ts';
import { type Chain, config, makeChain } from '../helpers/chain.ts';

const memory =
  '[METAL] Command buffer execution failed: Insufficient Memory (kIOGPUCommandBufferCallbackErrorOutOfMemory)';
const gpu =
  '[METAL] Command buffer execution failed: Caused GPU Timeout Error (kIOGPUCommandBufferCallbackErrorTimeout)';

describe('what a stage does when the machine is not up to it', () => {
  let chain: Chain;
  before(async () => {
    chain = await makeChain();
  });
  after(() => chain.remove());

  /** Code and time of the next attempt of each failure. */
  const failures = async (run: string): Promise<[string, boolean][]> =>
    (await chain.journal(run)).flatMap((line) =>
      line.event === 'failed' ? [[line.code, line.retry_at !== null]] : [],
    );

  it('tries too little memory once more, and then no more; the next run begins', async () => {
    await chain.write('inbox/a.yaml', config('a', { scene: { lora: { fail: 9, say: memory, code: 134 } } }));
    await chain.write('inbox/b.yaml', config('b', { scene: { lora: { fail: 1, say: memory, code: 134 } } }));
    await chain.write('inbox/c.yaml', config('c', { scene: { fuse_direct: { fail: 2, say: gpu, code: 134 } } }));
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(1);
    expect((await chain.row('a-s0')).error).to.include({ code: 'OUT_OF_MEMORY', stage: 'train', attempt: 2 });
    expect(await failures('a-s0')).to.eql([
      ['OUT_OF_MEMORY', true],
      ['OUT_OF_MEMORY', false],
    ]);
    expect(await chain.row('b-s0')).to.include({ status: 'done' });
    expect(await chain.row('c-s0')).to.include({ status: 'done' });
    const over = (await chain.journal('a-s0')).findLast((line) => line.event === 'failed');
    const next = (await chain.journal('b-s0')).find((line) => line.event === 'started');
    const ms = Date.parse(next?.at ?? '') - Date.parse(over?.at ?? '');
    process.stdout.write(`      the next run began ${ms} ms after the failure\n`);
  });

  it('waits for disk space in its place, says so, and continues in the same attempt', async () => {
    const settings = join(chain.root, 'phasebox.yaml');
    const enough = await readFile(settings, 'utf8');
    await writeFile(settings, JSON.stringify({ ...(JSON.parse(enough) as object), disk_reserve_gb: 1e9 }));
    await chain.write('inbox/d.yaml', config('d'));
    const up = await chain.up();
    await up.says(/d-s0: train waits for disk space: .* free on .*disk_reserve_gb/);
    const status = JSON.parse((await chain.phasebox('status', '--json')).out) as Status;
    const shown = status.runs.find(({ run }) => run === 'd-s0');
    expect(shown).to.include({ state: 'retrying', stage: 'train', attempt: 1, not_before: null });
    expect(shown?.why).to.contain('waits for disk space');
    expect(await up.stop('SIGTERM')).to.equal(0);
    await writeFile(settings, enough);
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(0);
    expect(await chain.row('d-s0')).to.include({ status: 'done' });
    const events = (await chain.journal('d-s0')).map(({ event }) => event);
    expect(events.slice(0, 4)).to.eql(['accepted', 'started', 'disk_wait', 'reserved']);
    expect(events).not.to.include('failed');
  });
});
