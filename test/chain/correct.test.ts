import { expect } from 'chai';
import { type Chain, config, makeChain } from '../helpers/chain.ts';
import { fine, status } from '../helpers/control.ts';

describe('correct and forget', () => {
  let chain: Chain;

  before(async () => {
    chain = await makeChain({ stage_retries: 0 });
  });
  after(() => chain.remove());

  it('a failed phase is replaced by its corrected file, forgotten and brought back while `up` works', async () => {
    const up = await chain.up();
    await fine(chain, 'submit', await chain.write('p.yaml', config('p', { seeds: 2, scene: { lora: { fail: 9 } } })));
    for (const run of ['p-s0', 'p-s1']) expect(await chain.row(run)).to.include({ status: 'failed' });
    const said = await fine(chain, 'submit', await chain.write('p.yaml', config('p')));
    expect(said).to.match(
      /^p\.yaml: phase p, 1 new run \(p-s0\)\. It replaces the phase as accepted before, of which nothing has run: .*seeds: \[0,1\] -> \[0\]/,
    );
    expect(await chain.row('p-s0')).to.include({ status: 'done' });
    expect((await chain.rows()).map(({ run }) => run)).to.eql(['p-s0']);
    await up.says(
      /accepted p\.yaml: .*is now in .*\.forgotten\/p\/1\. Changed: .*Old rows are kept in results\.jsonl\.old/,
    );
    const forgotten = await fine(chain, 'forget', 'p');
    expect(forgotten).to.equal(
      'p: taken off the report. Its files are kept in artifacts/.forgotten/p/2. `phasebox forget p --undo` brings it back.\n',
    );
    expect((await status(chain)).runs).to.eql([]);
    // The numbers of admissions must not be used again.
    await fine(chain, 'submit', await chain.write('q.yaml', config('q')));
    expect(await chain.row('q-s0')).to.include({ status: 'done' });
    expect(await fine(chain, 'forget', 'p', '--undo')).to.equal('p: restored\n');
    expect((await status(chain)).of('p-s0')).to.include({ state: 'done' });
    expect(await up.stop()).to.equal(0);
    expect(await chain.read('artifacts/COMPARISON.md')).to.contain('p-s0');
    expect(up.out()).not.to.contain('is gone');
    expect(await chain.calls('lora'), 'nothing is trained again').to.have.length(4);
    expect(await chain.phasebox('verify')).to.include({ code: 0 });
  });
});
