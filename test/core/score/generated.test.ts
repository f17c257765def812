import { expect } from 'chai';
import fc from 'fast-check';
import { readAnswer } from '../../../src/core/score/read-answer.ts';
import { scoreAnswer } from '../../../src/core/score/score.ts';
import type { Assertion } from '../../../src/events/assertion.ts';
import { modes } from '../../../src/events/score.ts';
import type { Answer, Prompt } from '../../../src/events/suite.ts';
import { answerOf, completion, hermes, promptOf, xml } from '../../helpers/answers.ts';

const wrapper = 'execute_code';
const names = ['read_file', 'lint', 'typecheck', 'git.commit', 'naïve_tool', '讀檔'];
const near = ['read_files', 'my_read_file', 'Lint', 'lint_', '$lint', 'git.commits'];
const marks = ['<think>', '</think>', '<tool_call>', '</tool_call>', '<function=', '</function>', '</parameter>'];
const odd = ['"', '\\', '\\n', '{', '}', '<', '>', '\u0000', '\u202e', '👩‍💻', '𝒳', 'e\u0301', '\r\n', '\ud800'];

const word = fc.constantFrom(...names, ...near);
/** Python-like code around names; sometimes with marks in it, as data. */
const code = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: word.map((name) => `${name}("a", b=1)`) },
      {
        weight: 2,
        arbitrary: fc.constantFrom('x = 1', 'print("<function=foo>")', '# </b>', 's = "<parameter=code>"', ''),
      },
      { weight: 1, arbitrary: fc.constantFrom(...odd, ...marks) },
      { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.join('\n'));
const prose = fc
  .array(fc.oneof(word, fc.lorem({ maxCount: 4 }), fc.constantFrom(...odd)), { maxLength: 8 })
  .map((parts) => parts.join(' '));
const called = fc.constantFrom(wrapper, wrapper, wrapper, ...names, 'unknown_tool');

/** One way to call `name` with `body` as its code. */
type Write = (name: string, body: string) => string;
const closed: readonly Write[] = [
  xml,
  (name, body) => `<function=${name}><parameter=code>${body}</parameter></function>`,
  (name, body) =>
    `<function="${name}">\n<parameter=path>a.ts</parameter><parameter=python>${body}</parameter></function>`,
  (name, body) => hermes(name, { code: body }),
  (name, body) => hermes(name, { script: body, path: 'a.ts' }),
  (name, body) => hermes(name, JSON.stringify({ code: body })),
];
const cutOff: readonly Write[] = [
  (name, body) => `<tool_call>\n<function=${name}>\n<parameter=code>\n${body}`,
  (name, body) => `<function=${name}>\n${body}`,
  (name, body) => `<tool_call>\n{"name": "${name}", "arguments": {"code": ${JSON.stringify(body).slice(0, -1)}`,
];
const givenArguments: readonly ((body: string) => unknown)[] = [
  (body) => JSON.stringify({ code: body }),
  (body) => ({ python: body }),
  (body) => JSON.stringify(JSON.stringify({ code: body })),
  (body) => ({ first: 'x', second: body }),
  (body) => body,
];
const toolCall = (name: string, given: unknown) => ({
  type: 'function',
  id: 'c1',
  function: { name, arguments: given },
});

/** An answer as a function of the code in one of its calls; what has no such call does not use it. */
type Build = (body: string) => Answer;
const text = (content: string, end = 'stop'): Answer => answerOf(completion({ content }, end));

const kinds: Readonly<Record<string, fc.Arbitrary<Build>>> = {
  'native call': fc.record({ name: called, given: fc.constantFrom(...givenArguments), content: fc.option(prose) }).map(
    ({ name, given, content }) =>
      (body) =>
        answerOf(completion({ content, tool_calls: [toolCall(name, given(body))] })),
  ),
  'several native calls': fc
    .record({
      name: called,
      others: fc.array(called, { minLength: 1, maxLength: 3 }),
      given: fc.constantFrom(...givenArguments),
    })
    .map(({ name, others, given }) => (body) => {
      const rest = others.map((other) => toolCall(other, '{"path": "a.ts"}'));
      return answerOf(completion({ tool_calls: [toolCall(name, given(body)), ...rest] }));
    }),
  XML: fc.record({ name: called, write: fc.constantFrom(...closed), before: prose, after: prose }).map(
    ({ name, write, before, after }) =>
      (body) =>
        text(`${before}\n${write(name, body)}\n${after}`),
  ),
  'cut XML': fc.record({ name: called, write: fc.constantFrom(...cutOff), before: prose }).map(
    ({ name, write, before }) =>
      (body) =>
        text(`${before}${write(name, body)}`, 'length'),
  ),
  'several calls': fc
    .record({ other: called, first: fc.boolean(), name: called, write: fc.constantFrom(...closed), body: code })
    .map(({ other, first, name, write, body: more }) => (body) => {
      const parts = [write(name, body), xml(other, more)];
      return text((first ? parts : parts.toReversed()).join('\nthen\n'));
    }),
  'nested tags': fc.record({ name: called, inner: called, write: fc.constantFrom(...closed) }).map(
    ({ name, inner, write }) =>
      (body) =>
        text(write(name, `print('''${xml(inner, 'lint()')}''')\n${body}`)),
  ),
  thoughts: fc
    .record({ name: called, thought: prose, apart: fc.boolean(), write: fc.constantFrom(...closed) })
    .map(({ name, thought, apart, write }) => (body) => {
      const said = write(name, body);
      if (apart) return answerOf(completion({ content: said, reasoning: `${thought} ${xml(wrapper, 'lint()')}` }));
      return text(`<think>${thought} ${xml(wrapper, 'read_file()')}</think>\n\n${said}`);
    }),
  'only thoughts': fc.record({ thought: prose, open: fc.boolean() }).map(
    ({ thought, open }) =>
      () =>
        open ? text(`<think>${thought}`, 'length') : answerOf(completion({ content: '', reasoning_content: thought })),
  ),
  prose: prose.map((content) => () => text(content)),
  empty: fc
    .constantFrom<unknown>('', null, [], ' \n', [{ type: 'text', text: '' }])
    .map((content) => () => answerOf(completion({ content }))),
  'no response': fc.constantFrom('TIMEOUT', 'HTTP 400: no', null).map((error) => () => answerOf(null, { error })),
  'odd shapes': fc
    .oneof(
      fc.jsonValue(),
      fc.jsonValue().map((choices) => ({ choices })),
      fc.jsonValue().map((message) => ({ choices: [{ message }] })),
      fc.jsonValue().map((tool_calls) => completion({ tool_calls })),
      fc.jsonValue().map((content) => completion({ content, reasoning: content })),
      fc.jsonValue().map((given) => completion({ tool_calls: [toolCall(wrapper, given)] })),
      fc.array(fc.constantFrom(...marks, ...names, ...odd)).map((parts) => completion({ content: parts.join('') })),
    )
    .map((response) => () => answerOf(response)),
};

const seed = 43;
const count = 2000;

interface Generated {
  readonly kind: string;
  readonly build: Build;
  readonly body: string;
  readonly prompt: Prompt;
  readonly added: string;
}

/** 2,000 answers, as many of each kind, the same ones every time. */
function generated(): Generated[] {
  const kindNames = Object.keys(kinds);
  const each = Math.ceil(count / kindNames.length);
  const all = kindNames.flatMap((kind, index) => {
    const one = fc
      .record({
        build: kinds[kind]!,
        body: code,
        expected: fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }),
        match: fc.constantFrom('any' as const, 'all' as const),
        added: fc.nat(),
      })
      .map(({ build, body, expected, match, added }): Generated => {
        const prompt = promptOf({ expect: expected, match });
        return { kind, build, body, prompt, added: expected[added % expected.length]! };
      });
    return fc.sample(one, { numRuns: each, seed: seed + index });
  });
  return all.slice(0, count);
}

const asserts: readonly Assertion[] = [
  { type: 'equals', value: 'yes', weight: 1 },
  { type: 'equals', value: { a: [1] }, weight: 1 },
  { type: 'not-contains', value: 'lint', weight: 2 },
  { type: 'contains-any', value: names, weight: 1 },
  { type: 'contains-all', value: 'lint, "a,b"', weight: 0 },
  { type: 'icontains', value: 'READ', weight: 1 },
  { type: 'regex', value: '^\\s*<tool', weight: 0.5 },
  { type: 'is-json', value: { type: 'object', required: ['code'] }, weight: 1 },
  { type: 'not-is-json', weight: 1 },
  { type: 'tool-call', value: { name: 'lint', arguments: { code: 'x = 1' } }, weight: 1 },
];

describe('2,000 generated answers', () => {
  const all = generated();
  const shown = (one: Generated): string =>
    JSON.stringify({ kind: one.kind, prompt: one.prompt, response: one.build(one.body).response });

  it('are 2,000, of every kind, and most have a call', () => {
    expect(all).to.have.length(count);
    expect(new Set(all.map(({ kind }) => kind)).size).to.equal(Object.keys(kinds).length);
    const deciding = all.filter(({ build, body }) => readAnswer(build(body).response, wrapper)?.deciding != null);
    expect(deciding.length).to.be.above(count / 2);
    const seen = new Set(all.map(({ build, body, prompt }) => scoreAnswer(prompt, wrapper, build(body)).mode));
    expect([...seen].sort()).to.deep.equal([...modes].sort());
  });

  it('the scorer never throws, points lie within 0-1, strict is never above lenient', () => {
    const asserted = promptOf({ expect: undefined, assert: [...asserts] });
    for (const one of all) {
      const answer = one.build(one.body);
      const { score, strict } = scoreAnswer(one.prompt, wrapper, answer);
      expect(score, shown(one)).to.be.within(0, 1);
      expect(strict, shown(one)).to.be.within(0, score);
      const checked = scoreAnswer(asserted, wrapper, answer);
      expect(checked.score, shown(one)).to.be.within(0, 1);
      expect(checked.strict, shown(one)).to.equal(checked.score);
    }
  });

  it('one more expected name as a call in the deciding code never lowers lenient or strict', () => {
    let raised = 0;
    for (const one of all) {
      const [before, after] = [one.body, `${one.body}\n${one.added}()`].map((body) =>
        scoreAnswer(one.prompt, wrapper, one.build(body)),
      );
      if (before === undefined || after === undefined) throw new Error('two were judged');
      expect(after.score, shown(one)).to.be.at.least(before.score);
      expect(after.strict, shown(one)).to.be.at.least(before.strict);
      if (after.score > before.score || after.strict > before.strict) raised += 1;
    }
    // Else nothing would be tested.
    expect(raised).to.be.above(300);
  });
});
