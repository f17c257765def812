import { expect } from 'chai';
import { costAnswers } from '../../../src/core/run/cost-answers.ts';
import { evalSettings } from '../../../src/events/stages/eval.ts';
import type { Answer } from '../../../src/events/suite.ts';
import { suiteOf } from '../../helpers/answers.ts';

const suite = suiteOf(
  ['a', 'b', 'c', 'd'].map((id) => ({ id, prompt: `ask ${id}` })),
  { system: 'be brief' },
);
const settings = evalSettings.parse({ suite: 's.yaml', chat_template_args: { enable_thinking: false } });

const answer = (prompt: string, message: Record<string, unknown> | null, over: Partial<Answer> = {}): Answer => {
  const response = message === null ? null : { choices: [{ finish_reason: 'stop', message }] };
  return {
    prompt,
    repeat: 0,
    response,
    error: message === null ? 'TIMEOUT' : null,
    seconds: 1,
    attempt: 1,
    max_tokens: 9,
    ...over,
  };
};

const read = (answers: readonly Answer[]): unknown[] =>
  costAnswers(suite, settings, answers)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

describe('the answers that two models are compared on', () => {
  it('are asked as the server was, with the text as it was written', () => {
    const [first, second] = read([answer('b', { content: 'two', reasoning: 'hm' }), answer('a', { content: 'one' })]);
    expect(first).to.deep.equal({
      messages: [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: 'ask a' },
      ],
      ...{ template: { enable_thinking: false }, content: 'one', reasoning: '', finish_reason: 'stop' },
    });
    expect(second).to.deep.include({ content: 'two', reasoning: 'hm' });
  });

  it('are the first ones of each prompt, without those that have no text of their own', () => {
    const answers = [
      answer('a', { content: 'one' }),
      answer('a', { content: 'again' }, { repeat: 1 }),
      answer('b', null),
      answer('c', { content: '', tool_calls: [{ function: { name: 'f', arguments: '{}' } }] }),
    ];
    expect(read(answers)).to.have.length(1);
    expect(costAnswers(suite, settings, [])).to.equal('');
  });
});
