import { expect } from 'chai';
import { type ScoredRun, scoresOfRuns } from '../../../src/core/compare/run-scores.ts';
import { points } from '../../helpers/compared.ts';
import { makeRow } from '../../helpers/rows.ts';

const scored = (run: string, changed: Partial<ScoredRun> = {}): ScoredRun => ({
  run,
  row: makeRow({ run, overall: 50, strict: 40 }),
  prompts: points(1, 0.5, 0),
  ...changed,
});

describe('the scores of two runs', () => {
  it('name the prompts on which the second scores more and less than the first', () => {
    const { prompts, a, b } = scoresOfRuns(scored('a'), scored('b', { prompts: points(0.5, 1, 0) }));
    expect(prompts).to.eql({ fixed: ['p1'], regressed: ['p0'], same: 1 });
    expect([a, b]).to.eql([50, 50]);
  });

  it('are strict only if both gates are', () => {
    const strict = (run: string) => scored(run, { row: makeRow({ run, overall: 50, strict: 40, score_by: 'strict' }) });
    const both = scoresOfRuns(strict('a'), strict('b'));
    expect([both.score_by, both.a, both.prompts]).to.eql(['strict', 40, { fixed: [], regressed: [], same: 3 }]);
    expect(scoresOfRuns(strict('a'), scored('b'))).to.include({ score_by: 'lenient', a: 50, b: 50 });
  });

  it('are null where a run is not finished, and its prompts where they are not kept', () => {
    const found = scoresOfRuns(scored('a'), scored('b', { row: null, prompts: null }));
    expect(found).to.deep.include({ a: 50, b: null, prompts: null, differ: [] });
  });

  it('say what differs in how they were measured', () => {
    const parts = (exam: string) => makeRow({ eval_parts: { exam } });
    expect(scoresOfRuns(scored('a', { row: parts('1') }), scored('b', { row: parts('2') })).differ).to.eql(['exam']);
  });
});
