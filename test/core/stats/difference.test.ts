import { expect } from 'chai';
import fc from 'fast-check';
import { equivalence, holm, oneMoreDraw, paired, welch } from '../../../src/core/stats/difference.ts';
import { meanInterval } from '../../../src/core/stats/interval.ts';

const runs = fc.array(
  fc.integer({ min: 0, max: 1000 }).map((value) => value / 10),
  { minLength: 2, maxLength: 8 },
);

describe('welch', () => {
  it('says of 82.4, 38.9, 22.2 against 18.5, 24.1, 20.4: +26.8, from -49 to 103, p = .27', () => {
    const found = welch([82.4, 38.9, 22.2], [18.5, 24.1, 20.4]);
    expect(found?.difference).to.be.closeTo(26.83, 0.005);
    expect(Math.round(found?.low ?? 0)).to.equal(-49);
    expect(Math.round(found?.high ?? 0)).to.equal(103);
    expect(found?.p).to.be.closeTo(0.273, 0.0005);
  });

  it('is null when a side has one run', () => {
    expect(welch([1], [1, 2])).to.equal(null);
    expect(welch([1, 2], [])).to.equal(null);
  });

  it('has no width when no run differs from its side: p is 0, or 1 without a difference', () => {
    const third = 100 / 3;
    expect(welch([third, third, third], [20, 20])).to.deep.include({ low: third - 20, high: third - 20, p: 0 });
    expect(welch([third, third, third], [third, third])).to.deep.include({
      difference: 0,
      low: 0,
      high: 0,
      t: 0,
      p: 1,
    });
  });

  it('takes one side without spread', () => {
    const found = welch([50, 50, 50], [40, 42, 44]);
    expect(found?.df).to.be.closeTo(2, 1e-9);
    expect(found?.p).to.be.within(0.01, 0.05);
  });

  it('turns its sign and nothing else when the sides are swapped; p is within 0..1 and agrees with the interval', () => {
    fc.assert(
      fc.property(runs, runs, (a, b) => {
        const found = welch(a, b);
        const turned = welch(b, a);
        expect(found).to.not.equal(null);
        if (found === null || turned === null) return;
        expect(turned.difference).to.be.closeTo(-found.difference, 1e-9);
        expect(turned.low).to.be.closeTo(-found.high, 1e-9);
        expect(turned.p).to.be.closeTo(found.p, 1e-9);
        expect(found.p).to.be.within(0, 1);
        if (Math.abs(found.p - 0.05) > 1e-9) {
          expect(found.p < 0.05).to.equal(found.low > 0 || found.high < 0);
        }
      }),
    );
  });
});

describe('paired', () => {
  it('is t over the differences of pairs: ttest_rel of SciPy says t = 5.1962, p = .035099', () => {
    const found = paired([50, 62, 41], [48, 58, 38]);
    const interval = meanInterval([2, 4, 3]);
    expect(found).to.deep.include({ difference: 3, df: 2, low: interval?.low, high: interval?.high });
    expect(found?.t).to.be.closeTo(5.196152422706632, 1e-7);
    expect(found?.p).to.be.closeTo(0.03509871864598465, 1e-7);
  });

  it('is null below two pairs, and refuses sides that are no pairs', () => {
    expect(paired([1], [2])).to.equal(null);
    expect(() => paired([1, 2], [1])).to.throw('pairs of 2 and 1 runs');
  });
});

describe('equivalence', () => {
  it('says yes for runs close to each other, no for runs far apart, else cannot tell', () => {
    expect(equivalence([50, 51, 50.5], [50.2, 50.8, 51], 5)?.answer).to.equal('yes');
    expect(equivalence([50, 51, 50.5], [20, 21, 20.5], 5)?.answer).to.equal('no');
    expect(equivalence([82.4, 38.9, 22.2], [18.5, 24.1, 20.4], 5)?.answer).to.equal('cannot tell');
  });

  it('is null when a side has one run', () => {
    expect(equivalence([50], [50, 50], 5)).to.equal(null);
  });

  it('needs no spread: the difference alone decides', () => {
    expect(equivalence([50, 50], [48, 48], 5)).to.eql({ p: 0, answer: 'yes' });
    expect(equivalence([50, 50], [40, 40], 5)).to.eql({ p: 1, answer: 'no' });
    expect(equivalence([50, 50], [45, 45], 5)).to.eql({ p: 1, answer: 'cannot tell' });
  });

  it('does not depend on the order of the sides, and a wider margin never has a larger p', () => {
    fc.assert(
      fc.property(runs, runs, fc.integer({ min: 1, max: 40 }), (a, b, margin) => {
        const p = equivalence(a, b, margin)?.p ?? Number.NaN;
        expect(p).to.be.within(0, 1);
        expect(equivalence(b, a, margin)?.p).to.be.closeTo(p, 1e-9);
        expect(equivalence(a, b, margin + 1)?.p).to.be.at.most(p + 1e-9);
      }),
    );
  });
});

describe('oneMoreDraw', () => {
  it('says p = .047 of 82.4 against 38.9, 22.2, 18.5', () => {
    const found = oneMoreDraw(82.4, [38.9, 22.2, 18.5]);
    expect(found?.p).to.be.closeTo(0.0469, 0.00005);
    expect(found?.df).to.equal(2);
  });

  it('says p = .44 of 82.4 against runs that hold it', () => {
    expect(oneMoreDraw(82.4, [82.4, 38.9, 22.2])?.p).to.be.closeTo(0.44, 0.005);
  });

  it('is null below two runs', () => {
    expect(oneMoreDraw(82.4, [38.9])).to.equal(null);
  });

  it('with equal runs: p is 1 for the same figure, 0 for another', () => {
    expect(oneMoreDraw(40, [40, 40])).to.eql({ t: 0, df: 1, p: 1 });
    expect(oneMoreDraw(41, [40, 40])).to.eql({ t: Number.POSITIVE_INFINITY, df: 1, p: 0 });
  });
});

describe('holm', () => {
  it('multiplies the smallest by all, the next by one fewer', () => {
    expect(holm([0.01, 0.04, 0.03])).to.eql([0.03, 0.06, 0.06]);
    expect(holm([])).to.eql([]);
    expect(holm([0.6, 0.7])).to.eql([1, 1]);
  });

  it('never makes a p smaller nor above 1, keeps their order, and a lone p unchanged', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(share, { minLength: 1, maxLength: 12 }), (ps) => {
        const adjusted = holm(ps);
        for (const [at, p] of ps.entries()) {
          expect(adjusted[at]).to.be.within(p, 1);
          for (const [other, another] of ps.entries()) {
            if (p < another) expect(adjusted[at]).to.be.at.most(adjusted[other] ?? Number.NaN);
          }
        }
        expect(holm(ps.slice(0, 1))).to.eql(ps.slice(0, 1));
      }),
    );
  });
});
