import { expect } from 'chai';
import { one, points, rowsOf } from '../../helpers/compared.ts';

describe('summarise', () => {
  it('is undecided when one run does not agree with the mean, settled when all do', () => {
    expect(one(rowsOf('a', [90, 80, 40])).gate).to.include({ verdict: 'pass', settled: false, passing: 2, of: 3 });
    expect(one(rowsOf('a', [90, 80, 70])).gate).to.include({ verdict: 'pass', settled: true, passing: 3, of: 3 });
    expect(one(rowsOf('a', [10, 20])).gate).to.include({ verdict: 'fail', settled: true, passing: 0, of: 2 });
  });

  it('counts a model once, however often it is judged: no share of 3 from one training', () => {
    const judged = (models: string[], scores: number[]) =>
      rowsOf('a', scores).map((row, at) => ({ ...row, custody: { ...row.custody, adapter: models[at] ?? null } }));
    const same = one(judged(['x', 'x', 'x'], [90, 90, 90])).gate;
    expect(same).to.deep.include({ verdict: 'pass', settled: null, runs: 3, passing: 1, of: 1 });
    expect(same?.share?.low).to.be.closeTo(2.5, 1e-9);
    expect(one(judged(['x', 'y', 'x'], [90, 80, 90])).gate).to.include({ settled: true, runs: 3, passing: 2, of: 2 });
    for (const scores of [
      [90, 80, 40],
      [40, 80, 90],
    ])
      expect(one(judged(['x', 'y', 'x'], scores)).gate, 'in any order').to.include({
        settled: false,
        passing: 1,
        of: 2,
      });
    expect(one(judged(['x', 'x'], [70, 40])).gate).to.include({ verdict: 'fail', settled: false, passing: 0, of: 1 });
  });

  it('says of one run neither, and gives no range for the recipe but one for this model', () => {
    const single = one(rowsOf('a', [90]), new Map([['a-s0', points(1, 1, 1, 0)]]));
    expect(single.gate?.settled).to.equal(null);
    expect([single.sd, single.thisSuite, single.newPrompts]).to.eql([null, null, null]);
    expect(single.thisModel?.low).to.be.within(0, 60);
    expect(single.thisModel?.high).to.be.within(75, 100);
  });

  it('is at best undecided when the checkpoint was chosen on the prompts that are reported', () => {
    const selection = { by: 'suite', suite_sha256: 'a', same_suite: true, candidates: [], optimism: 4 } as const;
    const { gate } = one(rowsOf('a', [90, 80], { selection: { ...selection, candidates: [] } }));
    expect([gate?.settled, gate?.because]).to.eql([
      false,
      'the checkpoint was chosen by its score on the same prompts as the reported score',
    ]);
  });

  it('reads the figures that the gate reads', () => {
    expect(one(rowsOf('a', [90, 80], { score_by: 'strict', strict: 12 })).mean).to.equal(12);
  });

  it('never leaves 0-100', () => {
    expect(one(rowsOf('a', [82.4, 38.9, 22.2])).thisSuite).to.eql({ low: 0, high: 100 });
  });

  it('has a wider range on new prompts than on these', () => {
    const prompts = new Map([
      ['a-s0', points(1, 1, 0, 0.5, 1, 0)],
      ['a-s1', points(1, 0.5, 0, 0.5, 1, 0)],
      ['a-s2', points(1, 1, 0, 0, 1, 0)],
    ]);
    const { thisSuite, newPrompts } = one(rowsOf('a', [58.3, 50, 50]), prompts);
    const width = (range: { low: number; high: number } | null) => (range === null ? 0 : range.high - range.low);
    expect(width(newPrompts)).to.be.above(width(thisSuite));
  });

  it('has no range on new prompts when the answers of a run are gone', () => {
    expect(one(rowsOf('a', [50, 60]), new Map([['a-s0', points(1, 0)]])).newPrompts).to.equal(null);
  });
});
