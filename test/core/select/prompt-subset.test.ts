import { expect } from 'chai';
import { promptSubset, sharedPrompts } from '../../../src/core/select/choose.ts';
import { suiteOf } from '../../helpers/answers.ts';

const counts = { a: 20, b: 5, c: 1 };
const suite = suiteOf(
  Object.entries(counts).flatMap(([category, count]) =>
    Array.from({ length: count }, (_, index) => ({
      id: `${category}${index}`,
      category,
      prompt: `${category} ${index}`,
    })),
  ),
);
const idsOf = (count: number | null, seed = 's'): string[] =>
  promptSubset(suite, count, seed).prompts.map(({ id }) => id);
const perCategory = (ids: readonly string[]) =>
  Object.fromEntries(['a', 'b', 'c'].map((name) => [name, ids.filter((id) => id.startsWith(name)).length]));

describe('core/select/choose: prompt subsets', () => {
  it('spreads the prompts over the categories as far as those go', () => {
    expect(perCategory(idsOf(3))).to.eql({ a: 1, b: 1, c: 1 });
    expect(perCategory(idsOf(7))).to.eql({ a: 3, b: 3, c: 1 });
    expect(perCategory(idsOf(16))).to.eql({ a: 10, b: 5, c: 1 });
  });

  it('takes the same ones for the same suite and number, in the order of the suite', () => {
    expect(idsOf(8)).to.eql(idsOf(8));
    const all = idsOf(null);
    expect(idsOf(8)).to.eql(all.filter((id) => idsOf(8).includes(id)));
    expect(idsOf(8, 'another'), 'another suite, other prompts').not.to.eql(idsOf(8));
  });

  it('takes all of them when as many are wanted', () => {
    expect(idsOf(26)).to.eql(idsOf(null));
    expect(idsOf(99)).to.have.length(26);
  });

  it('gives what does not divide evenly to categories by lot', () => {
    const extra = ['1', '2', '3', '4', '5', '6', '7', '8'].map((seed) => perCategory(idsOf(6, seed)));
    expect(new Set(extra.map(({ a }) => a)), 'not always the first').to.have.length(2);
  });

  it('knows the same question under another name, and another one of the same name', () => {
    const other = suiteOf([
      { id: 'x', prompt: 'a 0' },
      { id: 'a1', prompt: 'something else' },
    ]);
    expect(sharedPrompts(other, suite)).to.equal(1);
    const talk = [{ role: 'user' as const, content: 'a 0' }];
    const long = suiteOf([{ id: 'a0', prompt: undefined, messages: talk }]);
    expect(sharedPrompts(long, suite)).to.equal(0);
    expect(sharedPrompts(long, long)).to.equal(1);
  });
});
