import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Chain, config, makeChain } from '../helpers/chain.ts';
import { fine, folder, status } from '../helpers/control.ts';
import { cause, rehearsedLine } from '../helpers/rehearsals.ts';

/** Writes what a rehearsal found into the journal of a run. */
const hold = (chain: Chain, run: string): Promise<void> =>
  appendFile(join(folder(chain, run), 'journal.jsonl'), `${JSON.stringify(rehearsedLine({ error: cause }))}\n`);

const why = 'It needs 40 GB, and the limit is 32 GB. Use a smaller batch_size.';

describe('held runs', () => {
  let chain: Chain;

  before(async () => {
    // The lines that this test writes name no recipe, so `auto` would rehearse these runs again.
    chain = await makeChain({ rehearsal: 'off' });
    await chain.write('p.yaml', config('p', { variants: { q4: { fuse: { q_bits: 4 } } } }));
    await chain.write('q.yaml', config('q'));
    await fine(chain, 'submit', 'p.yaml', 'q.yaml');
    await hold(chain, 'p-s0');
  });
  after(() => chain.remove());

  it('do not start, and those that start from them wait; the others run; `up --once` and `submit --watch` end with 1', async () => {
    const watched = await chain.start('submit', '--watch', 'p.yaml', 'q.yaml');
    const once = await chain.phasebox('up', '--once', '--no-dashboard');
    expect(once.code, once.err).to.equal(1);
    expect(once.err).to.equal(`2 runs left that cannot start:\n  p-s0: held. ${why}\n`);
    expect(await chain.row('q-s0')).to.include({ status: 'done' });
    expect((await chain.calls('lora')).map(({ run }) => run)).to.eql(['q-s0']);
    expect(await watched.ended).to.include({ code: 1 });
    expect(watched.out()).to.include(`p-s0: held. ${why}\np-s0-q4: it starts from p-s0\n`);
  });

  it('are shown with cause and remedy, and left out of the night', async () => {
    const shown = await status(chain);
    expect(shown.of('p-s0')).to.include({ state: 'held', why });
    expect(shown.of('p-s0').rehearsed.error).to.deep.equal(cause);
    expect(shown.of('p-s0-q4')).to.include({ state: 'waiting' });
    expect(shown.of('p-s0-q4').why).to.equal(`starts after train of p-s0, which is held: ${why}`);
    expect(shown.night).to.include({ runs: 0 });
    const text = await fine(chain, 'status');
    expect(text).to.include('Left out: p-s0 (held) and p-s0-q4 (waits for p-s0)');
    expect((await chain.phasebox('submit', 'p.yaml')).out).to.match(/p-s0 \(held\)/);
  });

  it('wait again after a retry, and get a row when they are cancelled', async () => {
    expect(await fine(chain, 'retry', 'p-s0')).to.equal('p-s0: queued again; it starts at train\n');
    expect((await status(chain)).of('p-s0')).to.include({ state: 'waiting' });
    await hold(chain, 'p-s0');
    expect(await fine(chain, 'cancel', 'p-s0')).to.equal('p-s0: cancelled\n');
    expect(await chain.row('p-s0')).to.include({ status: 'cancelled' });
  });
});
