import { expect } from 'chai';
import { gateText, gateWords } from '../../../src/core/page/report-gate.ts';
import type { Row } from '../../../src/events/row.ts';
import { one, rowsOf } from '../../helpers/compared.ts';

/** Rows with these scores, the gate at 60 and, by its place, the model that each made (its own by default). */
const judged = (scores: readonly number[], models: readonly string[] = []): Row[] =>
  rowsOf('a', scores).map((row, at) => ({ ...row, custody: { ...row.custody, adapter: models[at] ?? null } }));

const words = (rows: Row[]): string => gateWords(one(rows));

describe('what is said of a gate', () => {
  it('is that all seeds agree, or how many do not', () => {
    expect(words(judged([90, 80, 70]))).to.equal(' passes its gate: all 3 seeds pass;');
    expect(words(judged([10, 20]))).to.equal(' fails its gate: both seeds fail;');
    expect(words(judged([90, 80, 40]))).to.equal(' gate: passed on average, but only 2 of 3 seeds pass, so undecided;');
    expect(words(judged([10, 20, 90]))).to.equal(' gate: failed on average, but 1 of 3 seeds passes, so undecided;');
    expect(words(judged([90]))).to.equal(' passes its gate:');
  });

  it('speaks of models where one is judged again, and of runs where they have no seed or share one', () => {
    expect(words(judged([90, 80, 40], ['x', 'y', 'x']))).to.contain('but only 1 of 2 models passes, so');
    expect(words(judged([70, 40], ['x', 'x']))).to.contain('gate: failed on average, but not in every run, so');
    for (const seed of [null, 7])
      expect(words(judged([90, 80]).map((row) => ({ ...row, seed })))).to.contain(': both runs pass;');
  });

  it('says why it is undecided although no run disagrees', () => {
    const selection = { by: 'suite', suite_sha256: 'a', same_suite: true, candidates: [], optimism: 4 } as const;
    const chosen = judged([90, 80]).map((row) => ({ ...row, selection: { ...selection, candidates: [] } }));
    expect(words(chosen)).to.equal(' passes its gate, undecided although both seeds pass;');
    const unjudged = judged([90, 80, 70]).map((row, at) => (at === 2 ? { ...row, verdict: null } : row));
    expect(words(unjudged)).to.contain('passed on average, but 1 of 3 runs has no verdict, so undecided;');
  });

  it('has the interval of the share of passing runs in the cell', () => {
    const cell = (rows: Row[]): string => {
      const { gate } = one(rows);
      return gate === null ? '' : gateText(gate);
    };
    expect(cell(judged([90, 80, 40]))).to.equal('pass, undecided: 2 of 3 pass (95 % interval 9-99 %)');
    expect(cell(judged([90, 80, 70]))).to.equal('pass, 3 of 3 pass (95 % interval 29-100 %)');
  });
});
