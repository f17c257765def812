import { expect } from 'chai';
import { badPairs } from '../../../src/core/mlx/known-pairs.ts';
import { isAtLeast } from '../../../src/core/version.ts';

const experts = { model_type: 'qwen3_moe', num_experts: 4 };
const dense = { model_type: 'qwen3' };

describe('versions that do not work together', () => {
  const warns = (mlx_lm: string, other: Record<string, string>, config: object | null = null): string[] =>
    badPairs({ mlx_lm, ...other }, config as Record<string, unknown> | null);

  it('warns of a mixture of experts alone, and of any model while none is named', () => {
    const [warning, ...more] = warns('0.31.3', { mlx: '0.32.4', transformers: '5.5.4' }, experts);
    expect(more).to.eql([]);
    expect(warning).to.equal(
      'mlx-lm 0.31.3 does not work with mlx 0.32.4: the training of a mixture of experts fails at its first step ("Cannot calculate VJP with respect to indices")',
    );
    expect(warns('0.31.3', { mlx: '0.32.4' })).to.have.length(1);
    expect(warns('0.31.3', { mlx: '0.32.4' }, dense)).to.eql([]);
    expect(warns('0.31.3', { mlx: '0.32.4' }, { text_config: { num_local_experts: 8 } })).to.have.length(1);
  });

  it('knows where each pair begins and ends', () => {
    for (const mlx of ['0.31.2', '0.32.0']) expect(warns('0.31.3', { mlx }, experts), mlx).to.eql([]);
    for (const mlx of ['0.32.1', '0.33.0', '1.0']) expect(warns('0.31.3', { mlx }, experts), mlx).to.have.length(1);
    expect(warns('0.32.2', { mlx: '0.32.4' }, experts)).to.eql([]);
    expect(warns('0.31.3', { transformers: '5.12.1' }, dense)).to.eql([]);
    expect(warns('0.31.3', { transformers: '5.13.0' }, dense)[0]).to.contain('mlx-lm cannot be imported');
    expect(warns('0.32.2', { transformers: '5.23.0' }, dense)).to.eql([]);
    expect(badPairs({}, null)).to.eql([]);
  });

  it('compares versions part by part', () => {
    const held: readonly (readonly [string, readonly number[], boolean])[] = [
      ['0.32.1', [0, 32, 1], true],
      ['0.32', [0, 32, 1], false],
      ['0.9.10', [0, 10], false],
      ['20.19.0', [20, 19], true],
      ['1.0.0rc1', [0, 32, 1], true],
      ['?', [0, 1], false],
    ];
    for (const [version, least, is] of held) expect(isAtLeast(version, least), version).to.equal(is);
  });
});
