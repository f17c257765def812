import { expect } from 'chai';
import { promptChanges, promptTable, tellingAnswer, tellingPrompts } from '../../../src/core/compare/prompts.ts';
import { one, points, rowsOf } from '../../helpers/compared.ts';

describe('prompts', () => {
  const prompts = new Map([
    ['a-s0', points(1, 0, 0, 0.5)],
    ['a-s1', points(0, 0, 0, 0.5)],
    ['a-s2', points(0, 0, 1, 0.5)],
  ]);
  const group = one(rowsOf('a', [40, 10, 40]), prompts).group;

  it('tells those that all runs miss, and those that one alone gets', () => {
    const { missedByAll, onlyOne } = tellingPrompts(promptTable(group));
    expect(missedByAll).to.eql(['p1']);
    expect([...onlyOne]).to.eql([
      ['a-s0', ['p0']],
      ['a-s2', ['p2']],
    ]);
  });

  it('counts the wrapper around the wrong function as missed, however often it was asked', () => {
    const wrong = { id: 'p1', score: 0.1, strict: 0.1, mode: 'wrong_tool' as const };
    const scores = [...points(1), ...[0, 1, 2].map((repeat) => ({ ...wrong, repeat }))];
    const wrapped = one(rowsOf('a', [40]), new Map([['a-s0', scores]])).group;
    expect(tellingPrompts(promptTable(wrapped)).missedByAll).to.eql(['p1']);
    expect(tellingAnswer([wrapped])).to.eql({ run: 'a-s0', prompt: 'p1', repeat: 0, mode: 'wrong_tool' });
  });

  it('are missed by the scorer of the gate', () => {
    const scores = [{ id: 'p0', repeat: 0, score: 0.5, strict: 0, mode: 'prose' as const }];
    const strictly = one(rowsOf('a', [50], { score_by: 'strict' }), new Map([['a-s0', scores]])).group;
    expect(tellingPrompts(promptTable(strictly)).missedByAll).to.eql(['p0']);
    expect(tellingAnswer([strictly])).to.eql({ run: 'a-s0', prompt: 'p0', repeat: 0, mode: 'prose' });
  });

  it('takes the mean of repeats, and leaves out prompts that a run was not asked', () => {
    const repeated = new Map([
      ['a-s0', [...points(1), { id: 'p0', repeat: 1, score: 0, strict: 0, mode: 'prose' as const }]],
      ['a-s1', points(1, 1)],
    ]);
    const table = promptTable(one(rowsOf('a', [50, 50]), repeated).group);
    expect([table.ids, table.points]).to.eql([['p0'], [[0.5], [1]]]);
  });

  it('are fixed, regressed or the same, a against b', () => {
    const other = one(rowsOf('b', [50]), new Map([['b-s0', points(0, 1, 1 / 3, 0.5)]])).group;
    const { fixed, regressed, same } = promptChanges(promptTable(group), promptTable(other));
    expect([fixed, regressed, same]).to.eql([['p0'], ['p1'], 2]);
  });

  it('quotes the way of answering that failed most often', () => {
    expect(tellingAnswer([group])).to.eql({ run: 'a-s0', prompt: 'p1', repeat: 0, mode: 'prose' });
  });
});
