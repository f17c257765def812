import { cp, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { requestModel } from '../../src/core/score/chat.ts';
import type { Rendered, Rendering, RenderJob, RenderRequest } from '../../src/core/score/rendering.ts';
import { renderPrompts } from '../../src/io/model/render-prompts.ts';
import { startModelServer } from '../../src/io/server/model-server.ts';
import { demoBase, testPython } from '../helpers/real-stage.ts';
import { tempDir } from '../helpers/temp.ts';

const turns = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}";
const asks = '{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}';

/** Templates as published models have them, each cut to what decides here. */
const templates = {
  chatml: `${turns}${asks}`,
  gemma: `{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}\n${turns}${asks}`,
  alternate:
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}\n" +
    "{{ raise_exception('Conversation roles must alternate user/assistant') }}\n{% endif %}{% endfor %}" +
    `${turns}${asks}`,
  llama:
    '{%- if not date_string is defined %}{%- set date_string = strftime_now("%d %b %Y") %}{%- endif %}\n' +
    `Today Date: {{ date_string }}\n${turns}${asks}`,
  qwen3: `${turns}${asks}{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}`,
  unknown: `{{ now().strftime('%d') }}${turns}${asks}`,
  broken: `{% if messages %}${turns}`,
  tools: `{% if tools %}{{ raise_exception('no tools here') }}{% endif %}${turns}${asks}`,
  deaf: `{{ messages[-1]['content'] }}`,
  long: `${turns}${turns}${'{# a comment #}'.repeat(20)}{% if messages|length > 1 %}{{ raise_exception('one turn only') }}{% endif %}`,
};
type Name = keyof typeof templates | 'none' | 'nowhere';

async function modelOf(template: string | null, more: readonly string[] = []): Promise<string> {
  const folder = await tempDir('rendered');
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json', ...more])
    await cp(join(demoBase('B'), name), join(folder, name));
  const file = join(folder, 'tokenizer_config.json');
  const { chat_template: _own, ...config } = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(file, JSON.stringify(template === null ? config : { ...config, chat_template: template }));
  return folder;
}

const user = { role: 'user', content: 'read a.py' };
const system = { role: 'system', content: 'Be brief.' };
const pair: RenderRequest[] = [
  { id: 'plain', messages: [user] },
  { id: 'system', messages: [system, user] },
];
const tool = { type: 'function', function: { name: 'read' } };

/** Name of the case -> what is rendered. */
const cases: Record<string, readonly [Name, RenderRequest[]]> = {
  ...Object.fromEntries(Object.keys(templates).map((name) => [name, [name as Name, pair] as const])),
  none: ['none', pair],
  nowhere: ['nowhere', pair],
  'a fixed date': ['llama', pair.map((one) => ({ ...one, chat_template_kwargs: { date_string: '1 Jan 2020' } }))],
  'no thoughts': ['qwen3', pair.map((one) => ({ ...one, chat_template_kwargs: { enable_thinking: false } }))],
  'with tools': ['tools', pair.map((one) => ({ ...one, tools: [tool] }))],
  'deaf to all': [
    'deaf',
    pair.map((one) => ({ ...one, tools: [tool], chat_template_kwargs: { enable_thinkin: false } })),
  ],
  'in parts': [
    'chatml',
    [{ id: 'plain', messages: [{ role: 'user', content: [{ type: 'text', text: 'read a.py' }] }] }],
  ],
  'in one': ['chatml', [{ id: 'plain', messages: [user] }]],
  'an image': [
    'chatml',
    [{ id: 'seen', messages: [{ role: 'user', content: [{ type: 'image_url', image_url: 'x' }] }] }],
  ],
  'a conversation': ['alternate', [{ id: 'talk', messages: [user, { role: 'assistant', content: 'done' }, user] }]],
};

describe('prompts as the model server will render them', () => {
  let answers: Record<string, Rendered>;
  const renderingOf = (name: string): Rendering => {
    const answer = answers[name];
    if (answer?.ok !== true) throw new Error(`${name}: ${answer?.failed}`);
    return answer.rendering;
  };

  before(async () => {
    const folders = new Map<Name, string>([['nowhere', '/nowhere']]);
    for (const [name, text] of [...Object.entries(templates), ['none', null] as const])
      folders.set(name as Name, await modelOf(text));
    const jobs: RenderJob[] = Object.values(cases).map(([name, requests]) => ({
      model: folders.get(name) ?? '',
      requests,
    }));
    const given = { python: testPython, kept: null, keeps: false };
    const today = await renderPrompts(jobs, { ...given, date: '2026-11-28' });
    const [llama] = await renderPrompts([jobs[Object.keys(cases).indexOf('llama')] as RenderJob], {
      ...given,
      date: '2026-11-29',
    });
    const names = Object.keys(cases);
    answers = {
      ...Object.fromEntries(names.map((name, index) => [name, today[index] as Rendered])),
      tomorrow: llama as Rendered,
    };
  });

  it('quotes what a template refuses, and knows when the system prompt is to blame', () => {
    const refused = Object.fromEntries(
      Object.keys(cases).flatMap((name) =>
        name === 'nowhere'
          ? []
          : [[name, renderingOf(name).refused.map(({ id, error, without_system }) => [id, error, without_system])]],
      ),
    );
    const none = Object.keys(refused).filter((name) => refused[name]?.length === 0);
    expect(none).to.have.members([
      'chatml',
      'deaf',
      'deaf to all',
      'llama',
      'qwen3',
      'tools',
      'none',
      'a fixed date',
      'no thoughts',
      'in parts',
      'in one',
      'a conversation',
    ]);
    expect(refused.gemma).to.eql([['system', 'System role not supported', true]]);
    expect(refused.alternate).to.eql([['system', 'Conversation roles must alternate user/assistant', true]]);
    expect(refused.unknown?.[0]).to.eql(['plain', "'now' is undefined", false]);
    expect(refused.broken?.map(([id]) => id)).to.eql(['plain', 'system']);
    expect(refused['with tools']?.[0]).to.eql(['plain', 'no tools here', false]);
    expect(refused.long).to.eql([['system', 'one turn only', true]]);
    expect(refused['an image']?.[0]).to.include('seen');
    expect(renderingOf('alternate').refused[0]?.part).to.equal(
      "line 2: {{ raise_exception('Conversation roles must alternate user/assistant') }}",
    );
    expect(renderingOf('long').refused[0]?.part)
      .to.match(/^line 5: .*raise_exception\('one turn only'\)/)
      .and.have.length.below(200);
    expect(renderingOf('gemma')).to.include({ sha256: null });
  });

  it('finds the clock by what it prints, not by its name', () => {
    const dated = Object.keys(cases).filter((name) => name !== 'nowhere' && renderingOf(name).dated !== null);
    expect(dated).to.eql(['llama']);
    expect(renderingOf('llama').dated).to.equal('2026-11-28');
    expect(renderingOf('llama').date_args).to.eql(['date_string']);
    expect(renderingOf('tomorrow').sha256).not.to.equal(renderingOf('llama').sha256);
  });

  it('finds what a prompt is given and does not show', () => {
    const found = Object.keys(cases).flatMap((name) =>
      name === 'nowhere' ? [] : renderingOf(name).ignored.map((what) => `${name}: ${what}`),
    );
    expect(found).to.eql(['deaf: system', 'deaf to all: system', 'deaf to all: tools', 'deaf to all: enable_thinkin']);
  });

  it('hashes the prompt that is asked, however the request writes it', () => {
    for (const name of ['chatml', 'llama', 'qwen3', 'none'])
      expect(renderingOf(name).sha256, name).to.match(/^[0-9a-f]{64}$/);
    expect(renderingOf('no thoughts').sha256).not.to.equal(renderingOf('qwen3').sha256);
    expect(renderingOf('in parts')).to.eql(renderingOf('in one'));
    expect(renderingOf('chatml').tokens.system).to.be.above(renderingOf('chatml').tokens.plain ?? 0);
    expect([renderingOf('chatml').templated, renderingOf('none').templated]).to.eql([true, false]);
    expect(answers.nowhere).to.have.property('failed').that.contains('config.json');
  });

  it('are the ones that the server answers, on the date that it is given', async () => {
    // As many letters as days of the year have passed: the count of tokens tells the date.
    const folder = await modelOf(`{{ 'x ' * (strftime_now('%j') | int) }}${turns}${asks}`, ['model.safetensors']);
    const given = { python: testPython, kept: null, keeps: false };
    const tokensOn = async (date: string): Promise<number> => {
      const [answer] = await renderPrompts([{ model: folder, requests: pair }], { ...given, date });
      return (answer?.ok === true && answer.rendering.tokens.system) || 0;
    };
    const date = '2026-02-10';
    const server = await startModelServer({
      ...{ python: testPython, driver: resolve('python/serve.py'), model: folder, dir: await tempDir('dated') },
      ...{ env: { PHASEBOX_PROMPT_DATE: date }, signal: new AbortController().signal },
    });
    try {
      const body = { model: requestModel, messages: [system, user], max_tokens: 1 };
      const { response } = await server.ask({ body, timeout_s: 60, retries: 0 });
      const { usage } = response as { usage: { prompt_tokens: number } };
      const [asked, earlier] = [await tokensOn(date), await tokensOn('2026-01-05')];
      expect(asked).to.be.above(earlier);
      expect(usage.prompt_tokens).to.equal(asked);
    } finally {
      await server.close();
    }
  });
});
