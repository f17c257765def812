import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { readSuite } from '../../src/core/config/read-suite.ts';
import { toolEnv } from '../../src/core/mlx/python.ts';
import { readAnswer } from '../../src/core/score/read-answer.ts';
import type { Score } from '../../src/events/score.ts';
import type { Answer, Suite } from '../../src/events/suite.ts';
import { startModelServer } from '../../src/io/server/model-server.ts';
import { stage as evaluate } from '../../src/workers/stages/eval.ts';
import { hermes } from '../helpers/answers.ts';
import { prepareExam } from '../helpers/exam.ts';
import { demoBase, demoData, stageErrorOf, testPython } from '../helpers/real-stage.ts';

/**
 * The branch for tools of Qwen3-Coder's template (XML calls) and of Qwen3's (JSON calls), put before the demo's own: no
 * tools are sent, so the prompts stay the same to the token, but mlx_lm takes each for a model with tools.
 */
const templates = {
  plain: '',
  coder:
    '{% if tools %}<tool_call>\n<function=name>\n<parameter=p>\nvalue\n</parameter>\n</function>\n</tool_call>{% endif %}',
  hermes:
    '{% if tools %}<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>{% endif %}' +
    '{% for m in messages if m.tool_calls %}{% for tool_call in m.tool_calls %}{{ tool_call.name }}{% endfor %}{% endfor %}',
};
type Template = keyof typeof templates;
const names = Object.keys(templates) as Template[];

const env = toolEnv({ MLX_DISABLE_COMPILE: '1' });
const mlx = (...argv: readonly string[]) => execa(testPython, ['-m', 'mlx_lm', ...argv], { env });

/** The demo base writes XML calls. */
const xmlModel = demoBase('A');

/** Another base after a short training of all its weights on the demo's questions: it answers each with this JSON call. */
const jsonCall = hermes('execute_code', { code: 'read_file()' });

async function jsonModel(folder: string): Promise<string> {
  const data = join(folder, 'data');
  await mkdir(data);
  for (const file of ['train.jsonl', 'valid.jsonl']) {
    const text = await readFile(join(demoData, file), 'utf8');
    await writeFile(join(data, file), text.trim().split('\n').map(inJson).join('\n'));
  }
  const at = (name: string): string => join(folder, name);
  const [floats, adapter, model] = [at('floats'), at('adapter'), at('json')];
  await mlx('convert', '--hf-path', demoBase('B'), '--mlx-path', floats, '-d');
  const settings = ['--iters', '60', '--batch-size', '4', '--num-layers', '2', '--learning-rate', '2e-3'];
  const rest = ['--mask-prompt', '--max-seq-length', '192', '--val-batches', '1', '--seed', '0'];
  const paths = ['--model', floats, '--data', data, '--adapter-path', adapter];
  await mlx('lora', '--train', '--fine-tune-type', 'full', ...paths, ...settings, ...rest);
  await mlx('fuse', '--model', floats, '--adapter-path', adapter, '--save-path', model);
  return model;
}

/** A training row with the JSON call for its answer. */
function inJson(line: string): string {
  const { messages } = JSON.parse(line) as { messages: { role: string; content: string }[] };
  const rewritten = messages.map((message) =>
    message.role === 'assistant' ? { ...message, content: jsonCall } : message,
  );
  return JSON.stringify({ messages: rewritten });
}

async function withTemplate(model: string, folder: string, name: Template): Promise<string> {
  await cp(model, folder, { recursive: true });
  const file = join(folder, 'tokenizer_config.json');
  const { chat_template: _, ...config } = JSON.parse(await readFile(file, 'utf8'));
  const { chat_template } = JSON.parse(await readFile(join(xmlModel, 'tokenizer_config.json'), 'utf8'));
  // transformers prefers the file over the key, and fuse leaves one
  await rm(join(folder, 'chat_template.jinja'), { force: true });
  await writeFile(file, JSON.stringify({ ...config, chat_template: `${templates[name]}${chat_template}` }));
  return folder;
}

/** Every other prompt of the demo twice: with room for the whole call, and cut in the middle of it. */
async function suite(): Promise<Suite> {
  const path = resolve('demo/suite/demo-27.yaml');
  const read = readSuite(await readFile(path), path);
  if (!('suite' in read)) throw new Error(JSON.stringify(read.problems));
  const prompts = read.suite.prompts.filter((_, index) => index % 2 === 0);
  const cut = prompts.map((prompt) => ({ ...prompt, id: `${prompt.id}-cut`, max_tokens: 10 }));
  return { ...read.suite, prompts: [...prompts.map((prompt) => ({ ...prompt, max_tokens: 80 })), ...cut] };
}

interface Sat {
  readonly score: Score;
  readonly answers: readonly Answer[];
}

async function sit(model: string): Promise<Sat> {
  const at = await prepareExam({
    suite: await suite(),
    real: true,
    settings: { stop: ['<|im_end|>'], concurrency: 1 },
  });
  const made = { fuse: { folder: model, made: { model: '.' } } };
  const result = await evaluate.run(made, at.context);
  await evaluate.verify?.(result, at.context);
  return { score: result.score, answers: await at.answers() };
}

const textOf = ({ response }: Answer): string => readAnswer(response, 'execute_code')?.text ?? '';

/** What the answers of a model look like when they are whole. */
const formats = {
  xml: { whole: /^<tool_call><function=\w+>[\s\S]*<\/function><\/tool_call>$/, foreignTo: 'hermes' },
  json: { whole: /^<tool_call>\n\{"name":"\w+","arguments":\{"code":".+"\}\}\n<\/tool_call>$/, foreignTo: 'coder' },
} as const;
type Format = keyof typeof formats;

describe('chat templates that name tools, with the real mlx_lm', () => {
  let folder = '';
  let models: Readonly<Record<Format, string>>;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'phasebox-templates-'));
    models = { xml: xmlModel, json: await jsonModel(folder) };
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const format of Object.keys(formats) as Format[]) {
    const { whole, foreignTo } = formats[format];
    it(`${format} calls, whole and cut, score as under the plain template (foreign to the ${foreignTo} one)`, async () => {
      const sat: Partial<Record<Template, Sat>> = {};
      for (const name of names) {
        const model = await withTemplate(models[format], join(folder, `${format}-${name}`), name);
        sat[name] = await sit(model);
      }
      const { plain } = sat;
      if (plain === undefined) throw new Error('no score under the plain template');
      const texts = (one: Sat | undefined) => one?.answers.map((answer) => [answer.prompt, textOf(answer)]);
      for (const name of names) {
        expect(sat[name]?.score, name).to.deep.equal(plain.score);
        expect(texts(sat[name]), name).to.deep.equal(texts(plain));
      }
      const [uncut, cut] = [false, true].map((is) =>
        plain.answers.filter(({ prompt }) => prompt.endsWith('-cut') === is),
      );
      expect(uncut?.filter((answer) => whole.test(textOf(answer))).length, 'whole calls').to.be.at.least(5);
      const torn = cut?.filter((answer) => /<tool_call>/.test(textOf(answer)) && !/<\/tool_call>/.test(textOf(answer)));
      expect(torn?.length, 'calls that were cut').to.be.at.least(5);
      expect(plain.score.overall).to.be.greaterThan(10);
    });
  }

  it('it matters: mlx_lm on its own loses the same call under the template that it is foreign to', async () => {
    const model = await withTemplate(models.xml, join(folder, 'control'), 'hermes');
    const driver = join(folder, 'plain_server.py');
    await writeFile(driver, 'from mlx_lm import server\nserver.main()\n');
    const dir = join(folder, 'server');
    const start = { python: testPython, model, dir, env, signal: new AbortController().signal };
    const messages = [
      { role: 'system', content: 'You are a coding assistant.' },
      { role: 'user', content: 'display forms.py please' },
    ];
    const body = { model: 'default_model', temperature: 0, max_tokens: 80, stop: ['<|im_end|>'], messages };
    const ask = async (program: string): Promise<string> => {
      const server = await startModelServer({ ...start, driver: program });
      try {
        const { response } = await server.ask({ body, timeout_s: 60, retries: 0 });
        await server.check();
        return readAnswer(response, 'execute_code')?.text ?? '';
      } finally {
        await server.close();
        await rm(dir, { recursive: true, force: true });
      }
    };
    expect(await ask(resolve('python/serve.py'))).to.match(formats.xml.whole);
    // 0.32: an empty answer and a line in the log; 0.30: the connection drops
    expect((await stageErrorOf(ask(driver))).code).to.be.oneOf(['CALL_SWALLOWED', 'CONNECTION_RESET']);
  });
});
