import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { readSuite } from '../../../src/core/config/read-suite.ts';

const base = { id: 'a', category: 'git' };

/** Problems of a suite with this prompt, as `path: message`. */
function problems(prompt: Record<string, unknown>, suite: Record<string, unknown> = {}): string[] {
  const read = readSuite(stringify({ suite: 'test', ...suite, prompts: [{ ...base, ...prompt }] }), 's.yaml');
  return 'suite' in read
    ? []
    : read.problems.map(({ path, message, line }) => `${line === null ? '?' : ''}${path}: ${message}`);
}
const asserted = (...assert: readonly Record<string, unknown>[]) => problems({ prompt: 'do', assert });

describe('a suite', () => {
  it('takes a prompt or messages, expect or assert, tools of the suite and of a prompt', () => {
    const tool = { type: 'function', function: { name: 'lint', parameters: { type: 'object' } } };
    const messages = [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: [{ type: 'text', text: 'lint a.ts' }] },
      { role: 'assistant', tool_calls: [{ id: '1', type: 'function', function: { name: 'lint', arguments: '{}' } }] },
      { role: 'tool', tool_call_id: '1', content: 'ok' },
    ];
    expect(problems({ messages, expect: ['lint'], tools: [] }, { tools: [tool] })).to.deep.equal([]);
    expect(problems({ prompt: 'do', tools: [tool], assert: [{ type: 'tool-call', value: 'lint' }] })).to.deep.equal([]);
    expect(problems({ prompt: 'do' }, { scorer: { command: ['python3', 'score.py'] } })).to.deep.equal([]);
  });

  it('says what excludes each other and what is missing', () => {
    const one = { messages: [{ role: 'user', content: 'x' }] };
    expect(problems({ prompt: 'do', expect: ['x'], assert: [{ type: 'is-json' }] })[0]).to.match(
      /^prompts\[0\]\.assert: .*exclude/,
    );
    expect(problems({ prompt: 'do', ...one, expect: ['x'] })[0]).to.match(/^prompts\[0\]: .*either `prompt`/);
    expect(problems({ expect: ['x'] })[0]).to.match(/either `prompt`/);
    expect(problems({ prompt: 'do' })[0]).to.match(/nothing says what a good answer is/);
    expect(problems({ prompt: 'do', assert: [{ type: 'is-json' }] }, { scorer: { command: ['x'] } })[0]).to.match(
      /`assert` would do nothing/,
    );
    expect(problems({ messages: [{ role: 'user' }], expect: ['x'] })[0]).to.match(
      /^prompts\[0\]\.messages\[0\]: required: content/,
    );
    expect(
      problems({
        messages: [
          { role: 'user', content: 'x' },
          { role: 'assistant', content: 'y' },
        ],
        expect: ['x'],
      })[0],
    ).to.match(/messages\[1\]: the last message/);
    expect(problems({ messages: [{ role: 'bot', content: 'x' }], expect: ['x'] })[0]).to.match(
      /messages\[0\]\.role: allowed: system, user, assistant, tool/,
    );
  });

  it('says what is wrong with an assertion, by its place', () => {
    expect(asserted({ type: 'contain', value: 'x' })[0]).to.match(/assert\[0\]\.type: allowed: equals, contains/);
    expect(asserted({ type: 'contains' })[0]).to.match(/assert\[0\]\.value: required: a text or a number/);
    expect(asserted({ type: 'contains-any', value: [] })[0]).to.match(/assert\[0\]\.value: allowed: a list of texts/);
    expect(asserted({ type: 'contains-all', value: ' , ' })[0]).to.match(
      /assert\[0\]\.value: allowed: a list of texts/,
    );
    expect(asserted({ type: 'regex', value: '(' })[0]).to.match(/assert\[0\]\.value: Invalid regular expression/);
    expect(asserted({ type: 'tool-call', value: { nam: 'x' } })[0]).to.match(/the name of a function/);
    expect(asserted({ type: 'is-json', value: { type: 'objekt' } })[0]).to.match(
      /assert\[0\]\.value: not a valid JSON Schema/,
    );
    expect(asserted({ type: 'is-json', weight: -1 })[0]).to.match(/weight: allowed: at least 0/);
    expect(asserted({ type: 'is-json', weight: 0 })[0]).to.match(/one of the weights must be more than 0/);
    expect(asserted({ type: 'is-json', wait: 1 })[0]).to.match(/assert\[0\]\.wait: unknown key/);
  });

  it('is what docs/suites.md shows', async () => {
    const page = await readFile('docs/suites.md', 'utf8');
    const shown = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text]) => readSuite(text ?? '', 'docs'));
    expect(shown).to.have.length(3);
    for (const read of shown) expect('suite' in read, JSON.stringify(read)).to.equal(true);
  });
});
