import { expect } from 'chai';
import { scoreAnswer } from '../../../src/core/score/score.ts';
import { type Assertion, assertion } from '../../../src/events/assertion.ts';
import type { Answer } from '../../../src/events/suite.ts';
import { answerOf, completion, hermes, native, promptOf, said } from '../../helpers/answers.ts';

const judged = (answer: Answer, ...given: readonly (Partial<Assertion> & { type: Assertion['type'] })[]) =>
  scoreAnswer(
    promptOf({ expect: undefined, assert: given.map((one) => assertion.parse(one)) }),
    'execute_code',
    answer,
  );

/** Whether one assertion holds for a text, or for an answer. */
function holds(type: Assertion['type'], value: unknown, answer: string | Answer): boolean {
  const { score, strict } = judged(typeof answer === 'string' ? said(answer) : answer, { type, value });
  expect(strict).to.equal(score);
  return score === 1;
}

describe('assertions, as promptfoo means them', () => {
  it('equals: the text exactly, or deeply what it is as JSON', () => {
    expect(holds('equals', 'yes', 'yes')).to.equal(true);
    expect(holds('equals', 'yes', 'yes ')).to.equal(false);
    expect(holds('equals', 4, '4')).to.equal(true);
    expect(holds('equals', true, 'true')).to.equal(true);
    expect(holds('equals', { a: [1, { b: null }], c: 'x' }, ' {"c":"x", "a":[1,{"b":null}]}\n')).to.equal(true);
    expect(holds('equals', { a: 1 }, '{"a": 1, "b": 2}')).to.equal(false);
    expect(holds('equals', [1, 2], '[2, 1]')).to.equal(false);
    expect(holds('equals', { a: 1 }, 'a: 1')).to.equal(false);
    expect(holds('not-equals', { a: 1 }, 'no JSON')).to.equal(true);
  });

  it('contains, icontains, contains-any, contains-all: substrings', () => {
    expect(holds('contains', 'b c', 'ab cd')).to.equal(true);
    expect(holds('contains', 'B', 'abc')).to.equal(false);
    expect(holds('contains', 12, 'in 2012')).to.equal(true);
    expect(holds('icontains', 'B', 'abc')).to.equal(true);
    expect(holds('not-icontains', 'B', 'abc')).to.equal(false);
    expect(holds('contains-any', ['x', 'b'], 'abc')).to.equal(true);
    expect(holds('contains-any', 'x, "b,"', 'ab,c')).to.equal(true);
    expect(holds('contains-any', 'x, "b,"', 'abc')).to.equal(false);
    expect(holds('not-contains-any', ['x', 'y'], 'abc')).to.equal(true);
    expect(holds('contains-all', ['a', 'c'], 'abc')).to.equal(true);
    expect(holds('contains-all', 'a, d', 'abc')).to.equal(false);
    expect(holds('not-contains-all', ['a', 'd'], 'abc')).to.equal(true);
  });

  it('regex: found anywhere, by the rules of JavaScript', () => {
    expect(holds('regex', '\\d{3}', 'in 2012')).to.equal(true);
    expect(holds('regex', '^\\d', 'in 2012')).to.equal(false);
    expect(holds('not-regex', 'sorry', 'done')).to.equal(true);
  });

  it('is-json: it parses, and fits the schema', () => {
    const schema = { type: 'object', required: ['n'], properties: { n: { type: 'integer', minimum: 1 } } };
    expect(holds('is-json', undefined, ' [1, "a"] ')).to.equal(true);
    expect(holds('is-json', undefined, 'here: [1]')).to.equal(false);
    expect(holds('is-json', undefined, '```json\n[1]\n```')).to.equal(false);
    expect(holds('is-json', undefined, '{"n": NaN}')).to.equal(false);
    expect(holds('is-json', schema, '{"n": 1, "m": 2}')).to.equal(true);
    expect(holds('is-json', schema, '{"n": 0}')).to.equal(false);
    expect(holds('not-is-json', schema, '{"n": 0}')).to.equal(true);
    expect(holds('not-is-json', schema, 'text')).to.equal(true);
    const draft = { $schema: 'https://json-schema.org/draft/2020-12/schema', prefixItems: [{ type: 'string' }] };
    expect(holds('is-json', draft, '["a", 1]')).to.equal(true);
    expect(holds('is-json', draft, '[1]')).to.equal(false);
    const nested = { type: 'array', items: { $ref: '#' } };
    expect(holds('is-json', nested, '[[],[[]]]')).to.equal(true);
    const deep = 50_000;
    expect(holds('is-json', nested, '['.repeat(deep) + ']'.repeat(deep))).to.equal(false);
  });

  it('tool-call: a call of that name, with at least these arguments', () => {
    const call = native(['read_file', '{"path": "a.ts", "range": {"from": 1, "to": 9}}'], ['lint', {}]);
    expect(holds('tool-call', 'lint', call)).to.equal(true);
    expect(holds('tool-call', 'read', call)).to.equal(false);
    expect(holds('not-tool-call', 'delete_file', call)).to.equal(true);
    const asking = (given: unknown, answer: string | Answer = call) =>
      holds('tool-call', { name: 'read_file', arguments: given }, answer);
    expect(asking({ path: 'a.ts' })).to.equal(true);
    expect(asking({ path: 'a.ts', range: { to: 9 } })).to.equal(true);
    expect(asking({ path: 'b.ts' })).to.equal(false);
    expect(asking({ path: 'a.ts', missing: 1 })).to.equal(false);
    expect(asking({ path: 'a.ts' }, hermes('read_file', { path: 'a.ts' }))).to.equal(true);
    const xml =
      '<function=read_file>\n<parameter=path>\na.ts\n</parameter>\n<parameter=line>\n3\n</parameter>\n</function>';
    expect(asking({ path: 'a.ts', line: 3 }, xml)).to.equal(true);
    expect(asking({ line: '3' }, xml)).to.equal(true);
    expect(asking({ line: 4 }, xml)).to.equal(false);
    expect(holds('tool-call', 'read_file', 'call read_file()')).to.equal(false);
    expect(holds('tool-call', 'read_file', '<think><function=read_file></think>no')).to.equal(false);
  });

  it('looks at what was said: no thoughts, native calls as JSON', () => {
    expect(holds('equals', 'four', '<think>is it three?</think>\n\nfour')).to.equal(true);
    const apart = answerOf(completion({ content: 'four', reasoning: 'three' }));
    expect(holds('not-contains', 'three', apart)).to.equal(true);
    const silent = native(['lint', '{"path": "a.ts"}']);
    expect(holds('is-json', { type: 'array', minItems: 1 }, silent)).to.equal(true);
    expect(holds('contains', '"name":"lint"', silent)).to.equal(true);
    const both = answerOf(
      completion({ content: 'now', tool_calls: [{ function: { name: 'lint', arguments: '{}' } }] }),
    );
    expect(holds('is-json', { type: 'object', required: ['content', 'tool_calls'] }, both)).to.equal(true);
  });

  it('makes their weighted mean the score, lenient and strict; errors score 0, whatever is asked', () => {
    const three = [
      { type: 'contains', value: 'a', weight: 3 },
      { type: 'contains', value: 'z' },
      { type: 'regex', value: 'z', weight: 0 },
    ] as const;
    expect(judged(said('abc'), ...three)).to.deep.equal({ score: 0.75, strict: 0.75, mode: 'prose' });
    const never = { type: 'not-contains', value: 'z' } as const;
    expect(judged(answerOf(null, { error: 'TIMEOUT' }), never)).to.deep.equal({ score: 0, strict: 0, mode: 'timeout' });
    expect(judged(answerOf({ odd: true }), never)).to.deep.equal({ score: 0, strict: 0, mode: 'error' });
    expect(judged(said(''), never)).to.deep.equal({ score: 1, strict: 1, mode: 'empty' });
  });

  it('tells the mode by the calls that are asked for', () => {
    const mode = (answer: Answer, ...given: Parameters<typeof judged>[1][]) => judged(answer, ...given).mode;
    const any = { type: 'contains', value: 'a' } as const;
    const lint = { type: 'tool-call', value: 'lint' } as const;
    expect(mode(native(['lint', '{}']), any)).to.equal('direct_call');
    expect(mode(native(['lint', '{}']), lint)).to.equal('direct_call');
    expect(mode(native(['read_file', '{}']), lint)).to.equal('wrong_tool');
    expect(mode(native(['execute_code', { code: 'lint()' }]), lint)).to.equal('wrapped');
    expect(mode(native(['execute_code', { code: 'x' }]), lint)).to.equal('wrong_tool');
    expect(mode(native(['execute_code', { code: 'x' }]), any)).to.equal('wrapped');
  });
});
