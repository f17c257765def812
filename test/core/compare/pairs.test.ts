import { expect } from 'chai';
import { pairsOf } from '../../../src/core/compare/contrast.ts';
import type { Row } from '../../../src/events/row.ts';
import { rowsOf, summaries } from '../../helpers/compared.ts';
import { makeRow } from '../../helpers/rows.ts';

describe('pairsOf', () => {
  const names = (rows: readonly Row[]) => pairsOf(summaries(rows)).map((two) => two.map(({ group }) => group.name));

  it('sets a phase against the next one, a variant against its plain runs', () => {
    const variant = makeRow({ phase: 'a', run: 'a-s0-q4', variant: 'q4', overall: 20 });
    const rows = [...rowsOf('a', [50]), variant, ...rowsOf('b', [40]), ...rowsOf('c', [30])];
    expect(names(rows)).to.eql([
      ['a', 'b'],
      ['b', 'c'],
      ['a q4', 'a'],
    ]);
  });

  it('sets a phase against the baseline that it names, once', () => {
    const baseline = { name: 'A', overall: 50, categories: {}, comparable: true };
    expect(names([...rowsOf('a', [50]), ...rowsOf('b', [40]), ...rowsOf('c', [30], { baseline })])).to.eql([
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'a'],
    ]);
  });

  it('leaves out what has no score', () => {
    expect(names([...rowsOf('a', [50]), ...rowsOf('b', [1], { overall: null, status: 'failed' })])).to.eql([]);
  });
});
