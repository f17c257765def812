import { expect } from 'chai';
import { parse } from 'yaml';
import { readSuite } from '../../../src/core/config/read-suite.ts';
import { scoreAnswer } from '../../../src/core/score/score.ts';
import { suiteFrom, suiteYaml } from '../../../src/core/score/suite-from.ts';

const options = { name: 'mine', wrapper: 'execute_code' };
const system = { role: 'system', content: 'be brief' };
const user = (content: string) => ({ role: 'user', content });
const says = (content: string) => ({ role: 'assistant', content });
const calls = (code: string): string =>
  `<tool_call><function=execute_code>\n<parameter=code>\n${code}\n</parameter>\n</function></tool_call>`;
const native = (name: string, args: object) => ({
  ...{ role: 'assistant', content: null },
  tool_calls: [{ type: 'function', function: { name, arguments: JSON.stringify(args) } }],
});
const row = (...messages: readonly object[]) => ({ messages });
const file = (...rows: readonly (object | string)[]): string =>
  `${rows.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n')}\n`;
const made = (...rows: readonly (object | string)[]) => suiteFrom(file(...rows), options);

describe('core/suite-from', () => {
  it('asks the question and expects what the last answer calls', () => {
    const { suite, rows, left } = made(
      row(system, user('lint a.py'), says(calls('result = lint("a.py")\nprint(result)'))),
      row(system, user('read and lint'), says(calls('read_file("a")\nlint("a")'))),
    );
    expect({ rows, left }).to.eql({ rows: 2, left: [] });
    expect(suite).to.eql({
      suite: 'mine',
      system: 'be brief',
      wrapper: 'execute_code',
      prompts: [
        { id: 'row-1', category: 'valid', prompt: 'lint a.py', expect: ['lint'], match: 'any' },
        { id: 'row-2', category: 'valid', prompt: 'read and lint', expect: ['read_file', 'lint'], match: 'all' },
      ],
    });
  });

  it('reads direct calls, native ones and those in the text', () => {
    const { suite } = made(
      row(user('a'), says('<tool_call>{"name": "lint", "arguments": {"path": "a"}}</tool_call>')),
      row(user('b'), native('hover', { line: 1 })),
      row(user('c'), native('execute_code', { code: 'git_status()' })),
    );
    expect(suite.prompts.map((one) => one.expect)).to.eql([['lint'], ['hover'], ['git_status']]);
    expect(suite.system).to.equal(undefined);
  });

  it('keeps earlier turns, and system prompts that differ, as messages', () => {
    const talk = [user('find it'), says(calls('find()')), user('<tool_response>x</tool_response>')];
    const { suite } = made(row(system, ...talk, says(calls('hover()'))));
    expect(suite.prompts[0]).to.deep.include({ messages: talk, expect: ['hover'] });
    expect(suite.system).to.equal('be brief');
    const other = { role: 'system', content: 'be long' };
    const mixed = made(row(system, user('a'), says(calls('a1()'))), row(other, user('a'), says(calls('a1()')))).suite;
    expect(mixed.system).to.equal(undefined);
    expect(mixed.prompts.map(({ messages }) => messages)).to.eql([
      [system, user('a')],
      [other, user('a')],
    ]);
  });

  it('leaves out what teaches no call, and says why and how often', () => {
    const { suite, rows, left } = made(
      row(user('why'), says('Because.')),
      row(user('do'), says(calls('print("x")'))),
      row(user('a'), says(calls('lint()'))),
      row(user('a'), says(calls('hover()'))),
      row(user('what does \u001b[31m do'), says(calls('lint()'))),
      row(says(calls('lint()'))),
      '{torn',
      { prompt: 'x', completion: 'y' },
      '',
    );
    expect(rows).to.equal(8);
    expect(suite.prompts.map(({ id }) => id)).to.eql(['row-3']);
    expect(left).to.eql([
      { why: 'is not a readable chat example ({"messages": [...]})', count: 2 },
      { why: 'has no answer of an assistant after a question', count: 1 },
      { why: 'has no function call in its last answer', count: 1 },
      { why: 'calls the wrapper in its last answer, but no function in its code', count: 1 },
      { why: 'has control characters, which no suite may have', count: 1 },
      { why: 'repeats the question of an earlier example', count: 1 },
    ]);
  });

  it('takes the category that a row has, as a name that gates can use', () => {
    const of = (category: unknown, index: number) => ({
      ...row(user(`q${index}`), says(calls('lint()'))),
      ...(index % 2 === 0 ? { category } : { metadata: { category } }),
    });
    const names = ['git', 'Text tools', '2nd', 'overall', '', 7].map(of);
    expect(made(...names).suite.prompts.map(({ category }) => category)).to.eql([
      'git',
      'text_tools',
      'c_2nd',
      'c_overall',
      'valid',
      'valid',
    ]);
  });

  it('writes a suite that is read back unchanged, the same each time', () => {
    const rows = [
      row(system, user('yes: "no" # 1'), says(calls('lint("ü")'))),
      row(system, user('two\nlines'), says(calls('a()\nb()'))),
    ];
    const text = suiteYaml(made(...rows), 'data/valid.jsonl');
    expect(text).to.equal(suiteYaml(made(...rows), 'data/valid.jsonl'));
    expect(text.split('\n')[0]).to.equal('# Made by `phasebox suite from data/valid.jsonl`: 2 prompts out of 2 rows.');
    const read = readSuite(text, 'mine.yaml');
    expect('suite' in read ? read.suite : read).to.eql(made(...rows).suite);
    expect(parse(text).prompts[0]).not.to.have.property('match');
  });

  it('gives its own references full points', () => {
    const references = [calls('read_file("a")'), calls('read_file("a")\nlint("b")'), calls('x = hover(1)\nprint(x)')];
    const { suite } = made(...references.map((text, index) => row(user(`q${index}`), says(text))));
    for (const [index, prompt] of suite.prompts.entries()) {
      const message = { role: 'assistant', content: references[index] };
      const response = { choices: [{ message, finish_reason: 'stop' }] };
      const answer = { prompt: prompt.id, repeat: 0, response, error: null, seconds: 1, attempt: 1, max_tokens: 9 };
      const judged = scoreAnswer(prompt, suite.wrapper, answer);
      expect([judged.score, judged.strict]).to.eql([1, 1]);
    }
  });
});
