import { expect } from 'chai';
import { seededRandom } from '../../../src/core/stats/random.ts';

describe('seededRandom', () => {
  const first = (seed: string, count: number): number[] => {
    const random = seededRandom(seed);
    return Array.from({ length: count }, () => random());
  };

  it('gives the same numbers for the same seed, on every machine', () => {
    expect(first('43a-s0 43b-s0', 3)).to.eql(first('43a-s0 43b-s0', 3));
    expect(first('phasebox', 3)).to.eql([0.29749743710272014, 0.1909619013313204, 0.7380205646622926]);
  });

  it('gives other numbers for a seed that differs in one letter', () => {
    expect(first('43a-s0', 5)).to.not.have.members(first('43a-s1', 5));
  });

  it('fills 0..1 evenly, and neighbours know nothing of each other', () => {
    const values = first('even', 20_000);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const together = values.reduce((sum, value, at) => sum + (value - 0.5) * ((values[at - 1] ?? 0.5) - 0.5), 0);
    expect(Math.min(...values)).to.be.at.least(0);
    expect(Math.max(...values)).to.be.below(1);
    // 4 standard errors each.
    expect(mean).to.be.closeTo(0.5, 4 * Math.sqrt(1 / 12 / values.length));
    expect(together / values.length).to.be.closeTo(0, 4 / 12 / Math.sqrt(values.length));
  });
});
