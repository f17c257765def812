import { expect } from 'chai';
import { gateSentence, gateText } from '../../../src/core/page/report-words.ts';
import type { Row } from '../../../src/events/row.ts';
import { one, rowsOf } from '../../helpers/compared.ts';

/** Rows with these scores, the gate at 60 and, by its place, the model that each made (its own by default). */
const judged = (scores: readonly number[], models: readonly string[] = []): Row[] =>
  rowsOf('a', scores).map((row, at) => ({ ...row, custody: { ...row.custody, adapter: models[at] ?? null } }));

const words = (rows: Row[]): string => gateSentence(one(rows), 'a', '60');

describe('what is said of a gate', () => {
  it('is that all seeds agree, or how many do not', () => {
    expect(words(judged([90, 80, 70]))).to.equal(
      '**a passes its gate** (all 3 seeds pass) with an overall score of 60.',
    );
    expect(words(judged([10, 20]))).to.equal('**a fails its gate** (both seeds fail) with an overall score of 60.');
    expect(words(judged([90, 80, 40]))).to.equal(
      '**a passes its gate on average, but only 2 of 3 seeds pass, so the verdict is undecided**. Its overall score is 60.',
    );
    expect(words(judged([10, 20, 90]))).to.equal(
      '**a fails its gate on average, but 1 of 3 seeds passes, so the verdict is undecided**. Its overall score is 60.',
    );
    expect(words(judged([90]))).to.equal('**a passes its gate** with an overall score of 60.');
  });

  it('speaks of models where one is judged again, and of runs where they have no seed or share one', () => {
    expect(words(judged([90, 80, 40], ['x', 'y', 'x']))).to.contain('but only 1 of 2 models passes, so');
    expect(words(judged([70, 40], ['x', 'x']))).to.contain('fails its gate on average, but not in every run, so');
    for (const seed of [null, 7])
      expect(words(judged([90, 80]).map((row) => ({ ...row, seed })))).to.contain('(both runs pass)');
  });

  it('says why it is undecided although no run disagrees', () => {
    const selection = { by: 'suite', suite_sha256: 'a', same_suite: true, candidates: [], optimism: 4 } as const;
    const chosen = judged([90, 80]).map((row) => ({ ...row, selection: { ...selection, candidates: [] } }));
    expect(words(chosen)).to.equal(
      '**a passes its gate (both seeds pass), but the verdict is undecided** because the checkpoint was chosen by its score on the same prompts as the reported score. Its overall score is 60.',
    );
    const unjudged = judged([90, 80, 70]).map((row, at) => (at === 2 ? { ...row, verdict: null } : row));
    expect(words(unjudged)).to.contain(
      'passes its gate on average, but 1 of 3 runs has no verdict, so the verdict is undecided**',
    );
  });

  it('has the interval of the share of passing runs in the cell', () => {
    const cell = (rows: Row[]): string => {
      const { gate } = one(rows);
      return gate === null ? '' : gateText(gate);
    };
    expect(cell(judged([90, 80, 40]))).to.equal(
      'undecided: the mean passes, 2 of 3 runs pass (95 % interval of this share: 9-99 %)',
    );
    expect(cell(judged([90, 80, 70]))).to.equal('pass: 3 of 3 runs pass (95 % interval of this share: 29-100 %)');
  });
});
