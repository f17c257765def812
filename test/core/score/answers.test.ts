import { expect } from 'chai';
import { answerText, readAnswers } from '../../../src/core/score/answers.ts';
import { parseTolerant } from '../../../src/core/score/tolerant-json.ts';
import { said } from '../../helpers/answers.ts';

describe('answers.jsonl', () => {
  it('reads what was written', () => {
    const answers = [said('a\nb\u2028c'), { ...said('x'), repeat: 1 }];
    expect(readAnswers(answers.map(answerText).join(''))).to.deep.equal({ answers, problems: [] });
  });

  it('names the lines that are no answers and goes on', () => {
    const text = `${answerText(said('a'))}{"prompt": "torn\n\n{"prompt": 3}\n[]\n${answerText(said('b'))}`;
    const { answers, problems } = readAnswers(text);
    expect(answers).to.have.length(2);
    expect(problems.map((problem) => problem.line)).to.deep.equal([2, 4, 5]);
    expect(problems[1]?.what).to.contain('prompt');
  });

  it('reads the bare NaN and Infinity that Python writes, outside of texts only', () => {
    const read = parseTolerant('{"a": NaN, "b": [-Infinity, Infinity, 1], "c": "NaN \\"Infinity", "d": 0.5}');
    expect(read).to.deep.equal({ a: null, b: [null, null, 1], c: 'NaN "Infinity', d: 0.5 });
    expect(() => parseTolerant('{NaN')).to.throw(SyntaxError);
    expect(() => parseTolerant('nothing')).to.throw(SyntaxError);
  });
});
