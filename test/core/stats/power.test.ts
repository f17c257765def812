import { expect } from 'chai';
import {
  detectableDifference,
  pooledSd,
  recipeFalseAlarm,
  runsNeeded,
  sdInterval,
} from '../../../src/core/stats/power.ts';

describe('detectableDifference', () => {
  const sides = [3, 4, 5, 8, 10, 20];
  for (const { sd, meant } of [
    { sd: 2, meant: [6, 5, 4, 3, 3, 2] },
    { sd: 3, meant: [9, 7, 6, 5, 4, 3] },
    { sd: 5, meant: [15, 12, 10, 8, 7, 5] },
    { sd: 10, meant: [31, 24, 20, 15, 13, 9] },
    { sd: 15, meant: [46, 36, 30, 23, 20, 14] },
    { sd: 29, meant: [89, 69, 59, 44, 38, 26] },
  ]) {
    it(`at run sd ${sd}: ${meant.join(', ')} points with ${sides.join(', ')} runs a side`, () => {
      expect(sides.map((n) => Math.round(detectableDifference(sd, { a: n, b: n })))).to.eql(meant);
    });
  }

  it('takes unequal sides, and is infinite with one run on a side', () => {
    const unequal = detectableDifference(10, { a: 3, b: 10 });
    expect(unequal).to.equal(detectableDifference(10, { a: 10, b: 3 }));
    expect(unequal).to.be.within(detectableDifference(10, { a: 10, b: 10 }), detectableDifference(10, { a: 3, b: 3 }));
    expect(detectableDifference(10, { a: 1, b: 10 })).to.equal(Number.POSITIVE_INFINITY);
  });
});

describe('runsNeeded', () => {
  it('is 12 a side for 26.8 points at the pooled sd of 43a and 43b', () => {
    const pooled = pooledSd([
      [82.4, 38.9, 22.2],
      [18.5, 24.1, 20.4],
    ]);
    expect(runsNeeded(26.8, pooled?.sd ?? 0)).to.equal(12);
  });

  it('is at least 2, and infinite for no difference or one too small for 1,000 runs', () => {
    expect(runsNeeded(50, 0.1)).to.equal(2);
    expect(runsNeeded(1, 0)).to.equal(2);
    expect(runsNeeded(0, 5)).to.equal(Number.POSITIVE_INFINITY);
    expect(runsNeeded(0.1, 29)).to.equal(Number.POSITIVE_INFINITY);
    expect(runsNeeded(-26.8, 22.1)).to.equal(runsNeeded(26.8, 22.1));
  });
});

describe('pooledSd', () => {
  it('weighs each group by its degrees of freedom; a group of one says nothing', () => {
    expect(pooledSd([[1, 3], [10], [5, 5, 8]])).to.eql({ sd: Math.sqrt((2 + 6) / 3), df: 3 });
  });

  it('is null without a group of two', () => {
    expect(pooledSd([])).to.equal(null);
    expect(pooledSd([[1], [2]])).to.equal(null);
  });
});

describe('sdInterval', () => {
  it('is x 0.52-6.3 from 3 runs, x 0.60-2.9 from 5', () => {
    const three = sdInterval(1, 2);
    const five = sdInterval(1, 4);
    expect(three.low).to.be.closeTo(0.52, 0.005);
    expect(three.high).to.be.closeTo(6.3, 0.05);
    expect(five.low).to.be.closeTo(0.6, 0.005);
    expect(five.high).to.be.closeTo(2.9, 0.05);
  });
});

describe('recipeFalseAlarm', () => {
  it('is 11, 30, 45, 67 % at run sd 5, 10, 15, 29', () => {
    expect([5, 10, 15, 29].map(recipeFalseAlarm)).to.eql([0.11, 0.3, 0.45, 0.67]);
  });

  it('lies between them between, and never falls', () => {
    expect(recipeFalseAlarm(7.5)).to.be.closeTo(0.205, 1e-12);
    let last = recipeFalseAlarm(0);
    expect(last).to.equal(0.04);
    for (let sd = 1; sd <= 60; sd++) {
      expect(recipeFalseAlarm(sd)).to.be.at.least(last);
      last = recipeFalseAlarm(sd);
    }
    expect(last).to.equal(0.67);
  });
});
