import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { asObject } from '../../src/core/score/tolerant-json.ts';
import type { Suite } from '../../src/events/suite.ts';
import { stage as evaluate } from '../../src/workers/stages/eval.ts';
import { suiteOf } from '../helpers/answers.ts';
import { prepareExam } from '../helpers/exam.ts';
import { demoBase } from '../helpers/real-stage.ts';
import { tempDir } from '../helpers/temp.ts';

/**
 * As Qwen's templates do it: tools as a system turn, an assistant's calls in the text, read as mappings (the server makes
 * them of OpenAI's JSON texts), so that what reached the template can be asked for as plain text too.
 */
const template =
  "{% if tools %}<|im_start|>system\n{% for t in tools %}{{ t.function.name }} {{ t.function.parameters.required | join(' ') }}\n{% endfor %}<|im_end|>\n{% endif %}" +
  "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}" +
  '{% if m.tool_calls %}{% for c in m.tool_calls %}<tool_call>{{ c.function.name }} {{ c.function.arguments.path }}</tool_call>{% endfor %}{% endif %}' +
  '<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}';

async function modelWithTools(): Promise<string> {
  const folder = join(await tempDir('tools'), 'model');
  await cp(demoBase('A'), folder, { recursive: true });
  const file = join(folder, 'tokenizer_config.json');
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), chat_template: template }));
  return folder;
}

const tool = (name: string, ...required: string[]) => ({
  type: 'function' as const,
  function: { name, description: 'a function', parameters: { type: 'object', properties: {}, required } },
});
const user = { role: 'user' as const, content: 'display forms.py please' };
const expect_ = { category: 'git', expect: ['read_file'] };

/** Pairs of prompts that are the same text to the model: once as tools and calls, once written out. */
const suite: Suite = suiteOf(
  [
    { id: 'suite-tools', ...expect_, prompt: user.content },
    {
      id: 'suite-tools-text',
      ...expect_,
      prompt: undefined,
      tools: [],
      messages: [{ role: 'system', content: 'lint path\n' }, user],
    },
    { id: 'own-tools', ...expect_, prompt: user.content, tools: [tool('read_file', 'path'), tool('run')] },
    {
      id: 'own-tools-text',
      ...expect_,
      prompt: undefined,
      tools: [],
      messages: [{ role: 'system', content: 'read_file path\nrun \n' }, user],
    },
    { id: 'no-tools', ...expect_, prompt: user.content, tools: [] },
    {
      id: 'turns',
      ...expect_,
      prompt: undefined,
      tools: [],
      messages: [
        user,
        {
          role: 'assistant',
          content: null,
          tool_calls: [
            { id: 'c1', type: 'function', function: { name: 'read_file', arguments: '{"path": "forms.py"}' } },
          ],
        },
        { role: 'tool', tool_call_id: 'c1', content: 'class Form' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'and ' },
            { type: 'text', text: 'now?' },
          ],
        },
      ],
    },
    {
      id: 'turns-text',
      ...expect_,
      prompt: undefined,
      tools: [],
      messages: [
        user,
        { role: 'assistant', content: '<tool_call>read_file forms.py</tool_call>' },
        { role: 'tool', content: 'class Form' },
        { role: 'user', content: 'and now?' },
      ],
    },
  ],
  { tools: [tool('lint', 'path')] },
);

describe('tools and conversations, with the real mlx_lm', () => {
  it('reach the chat template as OpenAI clients send them, and no answer is swallowed', async () => {
    const at = await prepareExam({ suite, real: true, settings: { stop: ['<|im_end|>'], max_tokens: 40 } });
    const made = await evaluate.run({ fuse: { folder: await modelWithTools(), made: { model: '.' } } }, at.context);
    await evaluate.verify?.(made, at.context);
    const seen = new Map(
      (await at.answers()).map(({ prompt, response, error }) => {
        expect(error, prompt).to.equal(null);
        const whole = asObject(response);
        const choices = whole?.choices;
        const choice = asObject(Array.isArray(choices) ? choices[0] : null);
        const tokens = asObject(whole?.usage)?.prompt_tokens;
        return [prompt, { tokens, text: asObject(choice?.message)?.content }];
      }),
    );
    for (const id of ['suite-tools', 'own-tools', 'turns'])
      expect(seen.get(id), id).to.deep.equal(seen.get(`${id}-text`));
    const tokens = (id: string): number => Number(seen.get(id)?.tokens);
    expect(tokens('no-tools')).to.be.below(tokens('suite-tools'));
    expect(tokens('suite-tools')).to.be.below(tokens('own-tools'));
    for (const [id, { text }] of seen) expect(text, id).to.be.a('string').and.not.equal('');
  });
});
