import { expect } from 'chai';
import { type Chain, config, makeChain } from '../helpers/chain.ts';
import { waitFor } from '../helpers/temp.ts';

let chain: Chain;

const night = async () => JSON.parse((await chain.phasebox('status', '--json')).out).night;
/** The sentence in an output, without the times, which pass. */
const sentence = (out: string): string | undefined =>
  /night: (.*)/.exec(out)?.[1]?.replace(/about \d\d:\d\d \(\d\d:\d\d-\d\d:\d\d\)/, 'about T');
const held = { lora: { hold: 'go' } };
const variants = { raw: { fuse: { mode: 'none' } } };

/** `07:00`, so many minutes from now. */
function inMinutes(minutes: number): string {
  const at = new Date(Date.now() + minutes * 60_000);
  return `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`;
}

describe('the night in a chain', () => {
  beforeEach(async () => {
    chain = await makeChain();
  });
  afterEach(() => chain.remove());

  it('`plan`, `submit`, `status` and `up` say the same sum, and a row has what was estimated', async () => {
    const file = await chain.write('p.yaml', config('p', { variants, scene: held }));
    const planned = await chain.phasebox('plan', file);
    const submitted = await chain.phasebox('submit', file);
    const shown = await chain.phasebox('status');
    const said = sentence(planned.out);
    expect(said).to.match(
      /^2 runs, 1 training\. If phasebox starts now, it finishes at about T\. For all runs, this is only a rule of thumb\. Disk: (?:less than )?[\d.]+ GB stays used/,
    );
    expect(sentence(submitted.out)).to.equal(said);
    expect(sentence(shown.out)).to.equal(said);
    expect(await night())
      .to.deep.include({ runs: 2, trainings: 1 })
      .and.have.all.keys([...['runs', 'trainings', 'ends', 'ends_low', 'ends_high', 'disk', 'memory']]);
    const up = await chain.up('--once');
    // It says the sum once the queue has been the same for a moment, which is longer than these runs take.
    await up.says(/night: /);
    await chain.release('go');
    expect((await up.ended).code).to.equal(0);
    expect((await chain.rows()).map(({ run }) => run)).to.eql(['p-s0', 'p-s0-raw']);
    const sums = up
      .out()
      .split('\n')
      .flatMap((line) => sentence(line) ?? []);
    expect(sums.length, up.out()).to.be.within(1, 3);
    expect(await night()).to.deep.include({ runs: 0, trainings: 0, ends: null });
    const [first, later] = await chain.rows();
    expect(first?.estimate).to.include({ from: 'rule of thumb' });
    expect(first?.estimate?.taken).to.be.closeTo(
      Object.values(first?.seconds ?? {}).reduce((a, b) => a + b, 0),
      1e-6,
    );
    expect(later?.estimate, 'the variant').to.include({ from: 'history' });
    expect(first?.estimate?.stages.train?.taken).to.equal(first?.seconds.train);
  });

  it('leaves out what is paused, and says so while a training runs', async () => {
    await chain.write('inbox/a.yaml', config('a', { scene: held }));
    const up = await chain.up();
    await waitFor('the training', async () =>
      /0\.300/.test(await chain.read('artifacts/a/a-s0/.1-train.a1/log.txt').catch(() => '')),
    );
    expect(await chain.phasebox('submit', await chain.write('b.yaml', config('b', { seeds: 2 })))).to.include({
      code: 0,
    });
    await up.says(/night: 3 runs, 3 trainings\./);
    await chain.phasebox('pause', 'b-s1');
    expect(sentence((await chain.phasebox('status')).out)).to.match(
      /^2 runs, 2 trainings\. Finishes at about .* Left out: b-s1 \(paused\)\.$/,
    );
    await chain.release('go');
    await chain.row('a-s0');
    await up.says(/night: (?:1 run, 1 training\.[^\n]* )?Left out: b-s1 \(paused\)\./);
    expect(await up.stop()).to.equal(0);
  });

  it('`up --until` starts nothing that would not be finished by then, says what is left, and ends with 0', async () => {
    await chain.write('inbox/short.yaml', config('short'));
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(0);
    const long = { iters: 2_000_000, save_every: 1_000_000, batch_size: 2, num_layers: 2, max_seq_length: 128 };
    const files = await Promise.all([
      chain.write('long.yaml', config('long', { train: long })),
      chain.write('next.yaml', config('next', { title: 'fits' })),
    ]);
    expect(await chain.phasebox('submit', ...files)).to.include({ code: 0 });
    const { code, out } = await chain.phasebox('up', '--until', inMinutes(9), '--no-dashboard');
    expect(code, out).to.equal(0);
    expect((await chain.rows()).map(({ run }) => run)).to.eql(['short-s0', 'next-s0']);
    expect(out).to.match(
      /Until \d\d:\d\d: long-s0 \(\d+ (?:h \d\d min|min \d+ s)\) does not fit and comes first in the next night\./,
    );
    const left = JSON.parse((await chain.phasebox('status', '--json')).out).runs;
    expect(left.find(({ run }: { run: string }) => run === 'long-s0')).to.include({ state: 'waiting' });
    expect(await chain.phasebox('up', '--until', 'noon')).to.include({ code: 2 });
  });
});
