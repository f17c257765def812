import { execFile, spawn } from 'node:child_process';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { drivers } from '../../src/events/drivers.ts';
import { tempDir, waitFor } from '../helpers/temp.ts';

const repository = resolve(import.meta.dirname, '../..');
const python = process.env.PHASEBOX_TEST_PYTHON ?? join(repository, '.venv/bin/python');
const base = join(repository, 'demo/models/A-base');
const driver = (name: string): string => join(repository, 'python', `${name}.py`);
const env = { ...process.env, MLX_DISABLE_COMPILE: '1', HF_HUB_OFFLINE: '1', PYTHONDONTWRITEBYTECODE: '1' };

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a driver to its end. */
function run(argv: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return new Promise((done) => {
    const child = execFile(python, argv, { env: { ...env, ...more } }, (_error, stdout, stderr) =>
      done({ code: child.exitCode, stdout, stderr }),
    );
  });
}

describe('python/facts.py, with the real mlx_lm', () => {
  it('tells versions and the training settings without importing mlx_lm', async () => {
    const { code, stdout, stderr } = await run(['-X', 'importtime', driver('facts')]);
    expect(code, stderr).to.equal(0);
    expect(stderr)
      .to.include('importlib.metadata')
      .and.not.match(/\bmlx(_lm)?\b.*\n/);
    const facts = JSON.parse(stdout);
    expect(facts.python).to.be.a('string');
    expect(facts.versions).to.have.all.keys('python', 'mlx', 'mlx_lm', 'transformers');
    expect(facts.versions.mlx_lm).to.match(/^\d+\.\d+/);
    const real = await run(['-c', 'import json; from mlx_lm.lora import CONFIG_DEFAULTS as d; print(json.dumps(d))']);
    expect(facts.defaults).to.deep.equal(JSON.parse(real.stdout.trim().split('\n').at(-1) ?? ''));
  });

  it('says that mlx_lm is missing', async () => {
    // -S leaves the site-packages out
    const { code, stdout, stderr } = await run(['-S', driver('facts')]);
    expect(code).to.equal(3);
    expect(stdout).to.equal('');
    expect(stderr).to.match(/mlx_lm is not installed in .*python/);
  });
});

describe('the drivers, with the real mlx_lm', () => {
  it('each starts, as `doctor` asks it to', async () => {
    const ended = await Promise.all(drivers.map((name) => run([driver(name), '--help'])));
    expect(ended.map(({ code }, index) => [drivers[index], code])).to.eql(drivers.map((name) => [name, 0]));
  });

  it('serve refuses an mlx_lm that lacks a function which it replaces', async () => {
    const script =
      'import sys; sys.path.insert(0, sys.argv[1]); from mlx_lm import utils; del utils._load_tokenizer; ' +
      'import chat_prompts; chat_prompts.without_tool_parser()';
    const { code, stderr } = await run(['-c', script, join(repository, 'python')]);
    expect(code).to.equal(1);
    expect(stderr).to.contain('mlx_lm.utils has no `_load_tokenizer` in this version of mlx_lm: install the version');
  });
});

describe('python/download.py', () => {
  it('prints the folder of a model in the cache as its last line', async () => {
    const cache = await tempDir('hub');
    const commit = 'a'.repeat(40);
    const model = join(cache, 'models--own--tiny');
    await mkdir(join(model, 'refs'), { recursive: true });
    await mkdir(join(model, 'snapshots', commit), { recursive: true });
    await writeFile(join(model, 'refs/main'), commit);
    await writeFile(join(model, 'snapshots', commit, 'config.json'), '{}');
    const { code, stdout, stderr } = await run([driver('download'), '--model', 'own/tiny'], { HF_HUB_CACHE: cache });
    expect(code, stderr).to.equal(0);
    expect(stdout.trim().split('\n').at(-1)).to.equal(join(model, 'snapshots', commit));
  });

  it('says that it is offline, and what to do', async () => {
    const cache = await tempDir('hub');
    const argv = [driver('download'), '--model', 'own/absent', '--revision', 'v2'];
    const { code, stderr } = await run(argv, { HF_HUB_CACHE: cache });
    expect(code).to.equal(1);
    expect(stderr).to.include('own/absent at v2 cannot be fetched').and.include('HF_HUB_OFFLINE is set');
  });
});

describe('python/serve.py, with the real server', () => {
  /** As the templates of Qwen3-Coder (XML) and Qwen3 (JSON) name tools: only their branch for tools differs from ours. */
  const templates = {
    coder:
      '{% if tools %}<tool_call>\n<function=name>\n<parameter=p>\nvalue\n</parameter>\n</function>\n</tool_call>{% endif %}',
    hermes:
      '{% if tools %}<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>{% endif %}' +
      '{% for m in messages if m.tool_calls %}{% for tool_call in m.tool_calls %}{{ tool_call.name }}{% endfor %}{% endfor %}',
  };

  /** The demo base with another tokenizer_config.json. */
  async function baseWith(change: (config: Record<string, string>) => Record<string, string>): Promise<string> {
    const folder = join(await tempDir('model'), 'model');
    await cp(base, folder, { recursive: true });
    const file = join(folder, 'tokenizer_config.json');
    await writeFile(file, JSON.stringify(change(JSON.parse(await readFile(file, 'utf8')))));
    return folder;
  }

  const freePort = (): Promise<number> =>
    new Promise((done) => {
      const server = createServer().listen(0, '127.0.0.1', () => {
        const address = server.address();
        server.close(() => done(typeof address === 'object' && address !== null ? address.port : 0));
      });
    });

  interface Choice {
    readonly finish_reason: string;
    readonly message: { readonly content: string | null; readonly tool_calls?: readonly unknown[] };
  }

  /** Serves a folder, asks for a whole and for a cut call, and ends the server. */
  async function answers(folder: string): Promise<{ whole: Choice; cut: Choice; log: string }> {
    const port = await freePort();
    const child = spawn(python, [driver('serve'), '--model', folder, '--port', String(port)], { env });
    const ended = new Promise((done) => child.once('exit', done));
    let log = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (log += chunk));
    const url = `http://127.0.0.1:${port}`;
    const up = (): Promise<boolean> =>
      fetch(`${url}/health`).then(
        (response) => response.ok,
        () => false,
      );
    const ask = async (max_tokens: number): Promise<Choice> => {
      const system = { role: 'system', content: 'You run code in a sandbox.' };
      const messages = [system, { role: 'user', content: 'read app.py' }];
      const body = { model: 'default_model', temperature: 0, max_tokens, stop: ['<|im_end|>'], messages };
      const response = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(body) });
      return ((await response.json()) as { choices: [Choice] }).choices[0];
    };
    try {
      await waitFor('the server', up);
      return { whole: await ask(60), cut: await ask(10), log };
    } finally {
      child.kill();
      await ended;
    }
  }

  const whole =
    '<tool_call><function=execute_code>\n<parameter=code>\nresult = read_file("app.py")\n</parameter>\n</function></tool_call>';

  const cases: Readonly<Record<string, () => Promise<string>>> = {
    'a template that names no tools': () => baseWith((config) => config),
    'a template with XML calls, the format of the answer': () =>
      baseWith((config) => ({ ...config, chat_template: `${templates.coder}${config.chat_template}` })),
    'a template with JSON calls, a foreign format': () =>
      baseWith((config) => ({ ...config, chat_template: `${templates.hermes}${config.chat_template}` })),
    'a tool parser named in tokenizer_config.json': () =>
      baseWith((config) => ({ ...config, tool_parser_type: 'json_tools' })),
  };
  for (const [name, folder] of Object.entries(cases)) {
    it(`${name}: whole and cut calls come back as they were written`, async () => {
      const model = await folder();
      const before = await snapshot(model);
      const got = await answers(model);
      expect(got.whole.message.content).to.equal(whole);
      expect(got.whole.message.tool_calls ?? []).to.deep.equal([]);
      expect(got.whole.finish_reason).to.equal('stop');
      expect(got.cut.finish_reason).to.equal('length');
      expect(got.cut.message.content).to.equal('<tool_call><function=execute_code>\n<parameter=code>\n');
      expect(got.log).to.not.include('Failed to parse tool call');
      expect(await snapshot(model), 'the served folder').to.deep.equal(before);
    });
  }

  /** Names and bytes of a folder's files. */
  async function snapshot(folder: string): Promise<Record<string, string>> {
    const names = (await readdir(folder)).sort();
    const bytes = await Promise.all(names.map((name) => readFile(join(folder, name), 'base64')));
    return Object.fromEntries(names.map((name, index) => [name, bytes[index] ?? '']));
  }
});
