import { expect } from 'chai';
import fc from 'fast-check';
import { meanInterval, newPromptsInterval, promptInterval, shareInterval } from '../../../src/core/stats/interval.ts';

const points = fc.double({ min: 0, max: 100, noNaN: true });
const score = fc.constantFrom(0, 0.1, 1 / 3, 0.5, 0.7, 1);
const many = <T>(count: number, value: T): T[] => new Array<T>(count).fill(value);
/** Ends in whole percent, as the page writes them. */
const percent = ({ low, high }: { low: number; high: number }): string =>
  `${Math.round(100 * low)}-${Math.round(100 * high)}`;

describe('meanInterval', () => {
  it('is the mean -+ 4.303 standard errors for three runs', () => {
    const interval = meanInterval([82.4, 38.9, 22.2]);
    expect(interval?.low).to.be.closeTo(-29.37, 0.005);
    expect(interval?.high).to.be.closeTo(125.04, 0.005);
    const close = meanInterval([18.5, 24.1, 20.4]);
    expect(Math.round(close?.low ?? 0)).to.equal(14);
    expect(Math.round(close?.high ?? 0)).to.equal(28);
  });

  it('is null below two runs: one run says nothing of the next', () => {
    expect(meanInterval([])).to.equal(null);
    expect(meanInterval([38.9])).to.equal(null);
  });

  it('has no width where all runs are equal, also where their sum is rounded', () => {
    const interval = meanInterval(many(3, 350 / 9));
    expect(interval).to.eql({ low: 350 / 9, high: 350 / 9 });
  });

  it('contains the mean, whatever the runs', () => {
    fc.assert(
      fc.property(fc.array(points, { minLength: 2, maxLength: 10 }), (values) => {
        const interval = meanInterval(values);
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        expect(interval?.low).to.be.at.most(mean + 1e-9);
        expect(interval?.high).to.be.at.least(mean - 1e-9);
      }),
    );
  });
});

describe('promptInterval', () => {
  it('is 29-50 for the answers of 43a: 19 x .5, 7 x 0, 1 x 1', () => {
    expect(percent(promptInterval([...many(19, 0.5), ...many(7, 0), 1]))).to.equal('29-50');
  });

  it('keeps a width where every prompt scores alike', () => {
    const { low, high } = promptInterval(many(27, 1));
    expect(low).to.be.within(0.8, 0.95);
    expect(high).to.equal(1);
  });

  it('lies within 0..1, and mirrored scores have the mirrored interval', () => {
    fc.assert(
      fc.property(fc.array(score, { maxLength: 40 }), (scores) => {
        const { low, high } = promptInterval(scores);
        const mirrored = promptInterval(scores.map((value) => 1 - value));
        expect(low).to.be.within(0, high);
        expect(high).to.be.at.most(1);
        expect(mirrored.low).to.be.closeTo(1 - high, 1e-9);
        expect(mirrored.high).to.be.closeTo(1 - low, 1e-9);
      }),
    );
  });
});

describe('newPromptsInterval', () => {
  it('is null below two runs or two prompts', () => {
    expect(newPromptsInterval([])).to.equal(null);
    expect(newPromptsInterval([[1, 0, 0.5]])).to.equal(null);
    expect(newPromptsInterval([[1], [0]])).to.equal(null);
  });

  it('has no width where all scores are equal', () => {
    expect(newPromptsInterval([many(5, 0.5), many(5, 0.5)])).to.eql({ low: 0.5, high: 0.5 });
  });

  it('does not fall below the spread of prompts where runs agree by chance', () => {
    // Runs have the same mean, so MS_run is 0 and the sum of components would be too small.
    const table = [
      [1, 0, 1, 0],
      [0, 1, 0, 1],
      [1, 0, 0, 1],
    ];
    const interval = newPromptsInterval(table);
    expect(interval?.low).to.be.below(0.5);
    expect(interval?.high).to.be.above(0.5);
  });

  it('has ends in order, and the order of runs or prompts changes nothing', () => {
    const table = fc
      .tuple(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 2, max: 12 }))
      .chain(([runs, prompts]) =>
        fc.array(fc.array(score, { minLength: prompts, maxLength: prompts }), { minLength: runs, maxLength: runs }),
      );
    fc.assert(
      fc.property(table, (rows) => {
        const interval = newPromptsInterval(rows);
        const turned = newPromptsInterval(rows.map((row) => row.toReversed()).toReversed());
        expect(interval?.low).to.be.at.most(interval?.high ?? Number.NaN);
        expect(turned?.low).to.be.closeTo(interval?.low ?? Number.NaN, 1e-9);
        expect(turned?.high).to.be.closeTo(interval?.high ?? Number.NaN, 1e-9);
      }),
    );
  });
});

describe('shareInterval', () => {
  for (const { k, n, meant } of [
    { k: 3, n: 3, meant: '29-100' },
    { k: 1, n: 3, meant: '1-91' },
    { k: 0, n: 3, meant: '0-71' },
    { k: 5, n: 5, meant: '48-100' },
    { k: 0, n: 0, meant: '0-100' },
  ]) {
    it(`is ${meant} % for ${k} of ${n}`, () => {
      expect(percent(shareInterval(k, n))).to.equal(meant);
    });
  }

  it('contains k/n, lies within 0..1 and is mirrored for n - k', () => {
    const counts = fc
      .integer({ min: 1, max: 300 })
      .chain((n) => fc.tuple(fc.integer({ min: 0, max: n }), fc.constant(n)));
    fc.assert(
      fc.property(counts, ([k, n]) => {
        const { low, high } = shareInterval(k, n);
        const mirrored = shareInterval(n - k, n);
        expect(low).to.be.within(0, k / n);
        expect(high).to.be.within(k / n, 1);
        expect(mirrored.low).to.be.closeTo(1 - high, 1e-9);
      }),
    );
  });
});
