import { expect } from 'chai';
import { answerText, readAnswers, readScorableAnswers } from '../../../src/core/score/answers.ts';
import { parseTolerant } from '../../../src/core/score/tolerant-json.ts';
import { said } from '../../helpers/answers.ts';

describe('answers.jsonl', () => {
  it('reads what was written', () => {
    const answers = [said('a\nb\u2028c'), { ...said('x'), repeat: 1 }];
    expect(readAnswers(answers.map(answerText).join(''))).to.deep.equal({ answers, problems: [] });
  });

  it('names the lines that are no answers and continues', () => {
    const text = `${answerText(said('a'))}{"prompt": "torn\n\n{"prompt": 3}\n[]\n${answerText(said('b'))}`;
    const { answers, problems } = readAnswers(text);
    expect(answers).to.have.length(2);
    expect(problems.map((problem) => problem.line)).to.deep.equal([2, 4, 5]);
    expect(problems[1]?.what).to.contain('prompt');
  });

  it('reads answers that another program wrote, as far as a score needs them', () => {
    const response = said('read_file').response;
    const line = (more: object): string => JSON.stringify({ prompt: 'p', repeat: 0, response, ...more });
    const wanted = { prompt: 'p', repeat: 0, response, error: null };
    const shapes: Readonly<Record<string, string>> = {
      'no attempt and no max_tokens': line({ error: null, seconds: 0.1 }),
      'nothing but what is needed': line({}),
      'keys of its own': line({ score: 1, model: 'x', attempt: 'first', max_tokens: null }),
      'seconds as text': line({ seconds: '0.1 s' }),
      'a byte order mark': `\uFEFF${line({})}`,
      'blank lines and CRLF': `\r\n\n${line({})}\r\n  \n`,
    };
    for (const [name, text] of Object.entries(shapes))
      expect(readScorableAnswers(text), name).to.deep.equal({ answers: [wanted], problems: [] });
    const timeout = '{"prompt": "p", "repeat": 1, "error": "TIMEOUT"}';
    expect(readScorableAnswers(timeout).answers).to.have.lengthOf(1);
  });

  it('names what an answer of another program lacks', () => {
    const lines = [
      '{"prompt": "p", "repeat": 0, "answer": "read_file()"}',
      '{"id": "p", "repeat": 0, "response": {}}',
      '{"prompt": "p", "response": {}}',
      '{"prompt": "p", "repeat": 0, "response": {}, "error": 400}',
      '["p", "read_file()"]',
    ];
    const { answers, problems } = readScorableAnswers(lines.join('\n'));
    expect(answers).to.deep.equal([]);
    expect(problems.map(({ line, what }) => `${line} ${what.split(':')[0]}`)).to.deep.equal([
      '1 response',
      '2 prompt',
      '3 repeat',
      '4 error',
      '5 the line',
    ]);
    expect(problems[0]?.what).to.contain('the whole chat completion is expected');
  });

  it('reads the bare NaN and Infinity that Python writes, outside of texts only', () => {
    const read = parseTolerant('{"a": NaN, "b": [-Infinity, Infinity, 1], "c": "NaN \\"Infinity", "d": 0.5}');
    expect(read).to.deep.equal({ a: null, b: [null, null, 1], c: 'NaN "Infinity', d: 0.5 });
    expect(() => parseTolerant('{NaN')).to.throw(SyntaxError);
    expect(() => parseTolerant('nothing')).to.throw(SyntaxError);
  });
});
