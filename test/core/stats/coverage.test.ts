import { expect } from 'chai';
import { simulate, simulations, standardError } from '../../../bench/stats/simulations.ts';
import { promptInterval } from '../../../src/core/stats/interval.ts';
import { recipeFalseAlarm } from '../../../src/core/stats/power.ts';

/*
 * `npm run bench:stats` at a tenth of its repetitions. Each end of a bar is moved out by 4 standard errors of a figure
 * that lies right on it: with other seeds one check in 16,000 would fail by chance.
 */
const repetitions = 2000;
const standardErrors = 4;

describe('how often the statistics hold', () => {
  for (const simulation of simulations) {
    const { name, bar } = simulation;
    if (bar === null) continue;
    it(name, () => {
      const figure = simulate(simulation, repetitions);
      expect(figure).to.be.at.least(bar.low - standardErrors * standardError(bar.low, repetitions));
      expect(figure).to.be.at.most(bar.high + standardErrors * standardError(bar.high, repetitions));
    });
  }

  for (const sd of [5, 10, 15, 29]) {
    it(`the reported false alarms for recipes are those simulated, run sd ${sd}`, () => {
      const simulation = simulations.find(({ name }) => name.endsWith(`of one recipe, run sd ${sd}`));
      expect(simulation).to.not.equal(undefined);
      if (simulation === undefined) return;
      const told = 100 * recipeFalseAlarm(sd);
      // What is told was simulated too (1,500 repetitions) and is rounded to whole points.
      const margin = standardErrors * Math.hypot(standardError(told, repetitions), standardError(told, 1500)) + 0.5;
      expect(simulate(simulation, repetitions)).to.be.closeTo(told, margin);
    });
  }

  it('plus-two t over 27 scores of 0 or 1, counted exactly: 94.8, 98.5, 99.9 % at .5, .9, .97, nowhere below 93.3', () => {
    const intervals = Array.from({ length: 28 }, (_, ones) =>
      promptInterval(Array.from({ length: 27 }, (_, at) => (at < ones ? 1 : 0))),
    );
    const held = (share: number): number => {
      let sum = 0;
      let ways = 1;
      for (const [ones, { low, high }] of intervals.entries()) {
        if (low <= share && share <= high) sum += ways * share ** ones * (1 - share) ** (27 - ones);
        ways = (ways * (27 - ones)) / (ones + 1);
      }
      return 100 * sum;
    };
    expect([0.5, 0.9, 0.97].map((share) => held(share).toFixed(1))).to.eql(['94.8', '98.5', '99.9']);
    for (let share = 1; share < 1000; share++) expect(held(share / 1000), `mean ${share / 1000}`).to.be.above(93.3);
  });

  it('a figure is the same each time', () => {
    const [first] = simulations;
    expect(first).to.not.equal(undefined);
    if (first !== undefined) expect(simulate(first, 500)).to.equal(simulate(first, 500));
  });
});
