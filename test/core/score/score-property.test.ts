import { expect } from 'chai';
import fc from 'fast-check';
import { scoreAnswer } from '../../../src/core/score/score.ts';
import type { Answer, Prompt } from '../../../src/events/suite.ts';
import { answerOf, completion, hermes, xml } from '../../helpers/answers.ts';

const names = ['read_file', 'lint', 'typecheck', 'git.commit', 'naïve_tool'];
const marks = ['<think>', '</think>', '<tool_call>', '</tool_call>', '<function=', '</function>', '<parameter=code>'];
const pieces = [...names, ...marks, 'read_files', 'execute_code', '\n', '"', '\\', '{', '}', '>', 'é𝒳', '\u0000', ' '];

const code = fc.array(fc.oneof(fc.constantFrom(...names, 'x = 1', '"<function=foo>"', '</b>', 'é𝒳'), fc.string()), {
  maxLength: 6,
});
const line = code.map((parts) => parts.join('; '));
const noise = fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary' })), { maxLength: 12 });
const soup = noise.map((parts) => parts.join(''));
const calledName = fc.constantFrom('execute_code', 'execute_code', ...names, 'foo');

/** Notations of one call around a piece of code. */
const notations: readonly ((name: string, code: string) => string)[] = [
  xml,
  (name, text) => `<function=${name}><parameter=code>${text}</parameter></function>`,
  (name, text) => `<function=${name}>\n${text}`,
  (name, text) => `<function=${name}>\n<parameter=python>${text}`,
  (name, text) => `<tool_call>\n<function=${name}><parameter=other>1</parameter><parameter=code>${text}</function>`,
  (name, text) => hermes(name, { code: text }),
  (name, text) => hermes(name, { script: text }),
  (name, text) => hermes(name, JSON.stringify({ code: text })),
];
const notation = fc.constantFrom(...notations);

const textCall = fc.record({ name: calledName, text: line, write: notation });
const content = fc
  .array(
    fc.oneof(
      textCall.map(({ name, text, write }) => write(name, text)),
      soup,
      fc.constant(''),
    ),
    { maxLength: 4 },
  )
  .map((parts) => parts.join('\n'))
  .chain((text) => fc.nat(text.length).map((end) => text.slice(0, end)));
const givenArguments = fc.oneof(
  line.map((text) => JSON.stringify({ code: text })),
  line.map((text) => ({ python: text })),
  soup,
  fc.jsonValue(),
);
const toolCalls = fc.array(
  fc.oneof(
    fc.record({ function: fc.record({ name: calledName, arguments: givenArguments }) }),
    fc.jsonValue().map((value) => value as object),
  ),
  { maxLength: 3 },
);
const message = fc.record(
  { content: fc.oneof(content, fc.constant(null), fc.jsonValue()), tool_calls: toolCalls, reasoning: soup },
  { requiredKeys: [] },
);
const response = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(message, fc.constantFrom('stop', 'length')).map(([m, end]) => completion(m, end)) },
  { weight: 1, arbitrary: fc.jsonValue() },
  { weight: 1, arbitrary: fc.constant(null) },
);
const prompt = fc.record({
  id: fc.constant('p'),
  category: fc.constant('git'),
  prompt: fc.constant('do it'),
  expect: fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }),
  match: fc.constantFrom('any' as const, 'all' as const),
}) satisfies fc.Arbitrary<Prompt>;

/** An answer whose deciding code is known, before and after an expected call was appended to it. */
const grown = fc
  .record({
    prompt,
    code: line,
    before: soup.filter((text) => !text.includes('<')),
    after: soup,
    write: fc.option(notation),
    added: fc.nat(2),
  })
  .map(({ prompt: asked, code: text, before, after, write, added }) => {
    const name = asked.expect[added % asked.expect.length] ?? '';
    const answer = (body: string): Answer =>
      write === null
        ? answerOf(
            completion({
              content: after,
              tool_calls: [{ function: { name: 'execute_code', arguments: JSON.stringify({ code: body }) } }],
            }),
          )
        : answerOf(completion({ content: `${before}\n${write('execute_code', body)}\n${after}` }));
    return { prompt: asked, short: answer(text), long: answer(`${text}\n${name}()`) };
  });

const runs = { numRuns: 2000 };

describe('properties of the scorer', () => {
  it('never throws, points are within 0-1, strict is never above lenient', () => {
    fc.assert(
      fc.property(prompt, response, (asked, answered) => {
        const judged = scoreAnswer(asked, 'execute_code', answerOf(answered));
        expect(judged.strict).to.be.within(0, judged.score);
        expect(judged.score).to.be.within(0, 1);
      }),
      runs,
    );
  });

  it('one more expected call in the deciding code never lowers a score', () => {
    fc.assert(
      fc.property(grown, ({ prompt: asked, short, long }) => {
        const first = scoreAnswer(asked, 'execute_code', short);
        const second = scoreAnswer(asked, 'execute_code', long);
        expect(second.score).to.be.at.least(first.score);
        expect(second.strict).to.be.at.least(first.strict);
      }),
      runs,
    );
  });
});
