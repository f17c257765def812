import { join } from 'node:path';
import { expect } from 'chai';
import { contents, demoPhase, realWorkspace, rowOf, scoresOf, told } from '../helpers/real-chain.ts';

const old = process.env.PHASEBOX_TEST_PYTHON_OLD;
const why = old === undefined ? ' (not now: PHASEBOX_TEST_PYTHON_OLD names no Python with it)' : '';

describe('the chain with mlx-lm 0.30.7', () => {
  it(`direct and two_step make the same bytes and scores${why}`, async function () {
    if (old === undefined) return this.skip();
    const workspace = await realWorkspace(old);
    const variants = { two: { fuse: { mode: 'two_step' } } };
    await workspace.drop('1', demoPhase('old', 'A', { fuse: { mode: 'direct', q_bits: 5 }, variants }));
    const up = await workspace.phasebox(['up', '--once', '--no-dashboard']);
    expect(up.code, told(up)).to.equal(0);
    const rows = await workspace.rows();
    const [direct, two] = [rowOf(rows, 'old-s0'), rowOf(rows, 'old-s0-two')];
    expect(direct.versions.mlx_lm).to.equal('0.30.7');
    expect(direct.metrics.train_loss).to.be.a('number');
    expect(scoresOf(two)).to.deep.equal(scoresOf(direct));
    const [one, other] = [workspace.at('old-s0', 'fuse'), workspace.at('old-s0-two', 'quantize')];
    expect(await contents(join(other, 'model'))).to.deep.equal(await contents(join(one, 'model')));
  });
});
