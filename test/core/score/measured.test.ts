import { expect } from 'chai';
import { identitiesOf, isAlike, measuredAlike, partsOf } from '../../../src/core/score/measured.ts';
import type { Row } from '../../../src/events/row.ts';
import { makeRow, noCustody } from '../../helpers/rows.ts';

/** A row of today, or (`prompts` null) of 0.1.0. */
const rowOf = (run: string, prompts: string | null, changed: { exam?: string; base?: string } = {}): Row => {
  const { exam = 'x', base = 'b' } = changed;
  const custody = { ...noCustody, base };
  if (prompts === null) return makeRow({ run, custody, eval_identity: exam, eval_parts: null });
  return makeRow({ run, custody, eval_identity: `${exam}${prompts}`, eval_parts: { exam, prompts } });
};

/** A row whose answers could have taken too long, which a rule is for. */
const late = (run: string, timeouts: string): Row => {
  const row = rowOf(run, 'p');
  return { ...row, eval_parts: { exam: 'x', prompts: 'p', timeouts } };
};

const hash = (text: string): string => `#${text}`;

describe('evaluations, part by part', () => {
  it('have the identity of 0.1.0 without the parts that came later, and all earlier ones as names of the same', () => {
    expect(identitiesOf({ exam: 'e' }, hash)).to.eql(['e']);
    expect(identitiesOf({ prompts: 'p', exam: 'e' }, hash)).to.eql(['#{"exam":"e","prompts":"p"}', 'e']);
    expect(partsOf({ eval_identity: 'e', eval_parts: null })).to.eql({ exam: 'e' });
    expect(partsOf({ eval_identity: null, eval_parts: null })).to.eql({});
  });

  const cases: readonly (readonly [
    what: string,
    rows: readonly Row[],
    differ: readonly string[],
    unrecorded: readonly string[],
  ])[] = [
    ['the same', [rowOf('a', 'p'), rowOf('b', 'p')], [], []],
    ['other prompts of one model', [rowOf('a', 'p'), rowOf('b', 'q')], ['prompts'], []],
    ['other prompts of two models', [rowOf('a', 'p'), rowOf('b', 'q', { base: 'c' })], [], []],
    ['another suite', [rowOf('a', 'p'), rowOf('b', 'p', { exam: 'y' })], ['exam'], []],
    ['not recorded by one', [rowOf('old', null), rowOf('b', 'p')], [], ['old']],
    ['not recorded by any', [rowOf('old', null), rowOf('older', null)], [], []],
    ['another suite, not recorded by one', [rowOf('old', null), rowOf('b', 'p', { exam: 'y' })], ['exam'], ['old']],
    [
      'one that fits both of two that differ',
      [rowOf('old', null), rowOf('a', 'p'), rowOf('b', 'q')],
      ['prompts'],
      ['old'],
    ],
    ['not recorded of another model', [rowOf('old', null, { base: 'c' }), rowOf('b', 'p')], [], []],
    ['one row', [rowOf('a', 'p')], [], []],
    ['a rule for late answers that one did not record', [rowOf('old', 'p'), late('b', 'r')], [], ['old']],
    ['two rules for late answers', [late('a', 'r'), late('b', 's')], ['timeouts'], []],
    ['a rule that another exam does not need', [rowOf('a', 'p', { exam: 'y' }), late('b', 'r')], ['exam'], []],
  ];
  for (const [what, rows, differ, unrecorded] of cases)
    it(what, () => {
      const measured = measuredAlike(rows);
      expect(measured.differ).to.eql(differ);
      expect(measured.unrecorded.flatMap(({ runs }) => runs)).to.eql(unrecorded);
      expect(isAlike(rows)).to.equal(differ.length === 0);
    });
});
