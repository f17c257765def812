import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { readAnswer } from '../../../src/core/score/read-answer.ts';
import { asObject } from '../../../src/core/score/tolerant-json.ts';
import { type RunningServer, startModelServer } from '../../../src/io/server/model-server.ts';
import { freePort, type ServerStart } from '../../../src/io/server/server-child.ts';
import { isAlive } from '../../../src/io/tool/tool-process.ts';
import { demoBase, stageErrorOf, testPython } from '../../helpers/real-stage.ts';
import { tempDir, waitFor } from '../../helpers/temp.ts';

const fixture = resolve('test/fixtures/bin/chat-server.py');
const open: { server: RunningServer; dir: string }[] = [];

async function start(more: Partial<ServerStart> & { START?: string } = {}): Promise<RunningServer> {
  const { START = '', ...rest } = more;
  const dir = join(await tempDir('server'), 'server');
  const model = await tempDir('model');
  const server = await startModelServer({
    ...{ python: testPython, driver: fixture, model, dir, signal: new AbortController().signal },
    env: { START, PYTHONUNBUFFERED: '1', MLX_DISABLE_COMPILE: '1' },
    ...rest,
  });
  open.push({ server, dir });
  return server;
}

const chat = (text: string, more: { timeout_s?: number; retries?: number } = {}) => ({
  body: { model: 'default_model', messages: [{ role: 'user', content: text }], max_tokens: 12, temperature: 0 },
  timeout_s: 20,
  retries: 1,
  ...more,
});

const contentOf = (response: unknown): string => readAnswer(response, 'execute_code')?.text ?? '';

/** True if nobody listens. */
const isSilent = (url: string): Promise<boolean> =>
  new Promise((settle) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', () => settle(true));
    socket.on('connect', () => {
      socket.destroy();
      settle(false);
    });
  });

describe('io/model-server', () => {
  let lookAlike: Server | null = null;

  /** Somebody else's server: healthy, and it echoes whatever model it is asked for. */
  async function listenAsStranger(): Promise<number> {
    const port = await freePort();
    const other = createServer((request, response) => {
      request.resume();
      const message = { role: 'assistant', content: 'I am somebody else' };
      request.on('end', () => response.end(JSON.stringify({ model: 'default_model', choices: [{ message }] })));
    });
    lookAlike = other;
    await new Promise<void>((settle) => other.listen(port, '127.0.0.1', settle));
    return port;
  }

  afterEach(async () => {
    for (const { server, dir } of open.splice(0)) {
      await server.close();
      expect(await isAlive(dir)).to.equal(false);
      expect(await isSilent(server.url)).to.equal(true);
      expect(await readdir(dir)).to.not.include('hub');
    }
    await new Promise((settle) => (lookAlike === null ? settle(null) : lookAlike.close(settle)));
    lookAlike = null;
  });

  it('starts it apart from the Hub cache and asks for what was asked', async () => {
    const server = await start({ adapter: '/some/adapter' });
    const { response, error, seconds } = await server.ask(chat('[tell]'));
    const told = JSON.parse(contentOf(response));
    expect(error).to.equal(null);
    expect(seconds).to.be.at.least(0);
    expect(told.argv).to.include.members(['--adapter-path', '/some/adapter', '127.0.0.1']);
    expect(told.env).to.include({ HF_HUB_OFFLINE: '1', TRANSFORMERS_OFFLINE: '1' });
    expect(told.cache).to.deep.equal([]);
    expect(told.request).to.deep.equal(chat('[tell]').body);
    await server.check();
    const { dir } = open.find((one) => one.server === server) ?? { dir: '' };
    expect(server.nonce).to.match(/^[0-9a-f]{32}$/);
    expect(await readFile(join(dir, 'log.txt'), 'utf8'), 'the proof').to.contain(server.nonce);
  });

  it('takes another port when somebody has the one it chose, whether the server ends or lives on without it', async () => {
    for (const START of ['', 'stay']) {
      const ports = [await listenAsStranger()];
      const server = await start({ START, nextPort: async () => ports.pop() ?? freePort() });
      expect(contentOf((await server.ask(chat('mine'))).response)).to.contain('mine');
      await new Promise((settle) => lookAlike?.close(settle));
    }
  });

  it('never takes a stranger for its child: WRONG_SERVER', async () => {
    const port = await listenAsStranger();
    const failed = stageErrorOf(start({ START: 'deaf', nextPort: async () => port, silence_ms: 1500 }));
    expect((await failed).code).to.equal('WRONG_SERVER');
    const taken = stageErrorOf(start({ START: 'stay', nextPort: async () => port }));
    expect((await taken).message).to.contain('5 free ports were taken');
  });

  it('says what a server died of that never came up', async () => {
    const crash = await stageErrorOf(start({ START: 'crash' }));
    expect(crash).to.include({ code: 'MISSING_INPUT' });
    expect(crash.message).to.contain('config.json');
    const thread = await stageErrorOf(start({ START: 'thread' }));
    expect(thread.code).to.equal('SERVER_DIED');
    expect(thread.message).to.contain('no such weight');
    const silent = await stageErrorOf(start({ START: 'deaf', silence_ms: 500 }));
    expect(silent.code).to.equal('SERVER_DIED');
    expect(silent.message).to.contain('its log has not grown');
  });

  it('stops on its signal, at any moment', async () => {
    const controller = new AbortController();
    const starting = stageErrorOf(start({ START: 'deaf', signal: controller.signal }));
    controller.abort();
    expect((await starting).code).to.equal('STOPPED');
    const later = new AbortController();
    const server = await start({ signal: later.signal });
    const asking = stageErrorOf(server.ask(chat('[hang]')));
    later.abort();
    expect((await asking).code).to.equal('STOPPED');
    expect((await stageErrorOf(start({ signal: later.signal }))).code).to.equal('STOPPED');
  });

  it('takes time-outs after all retries and HTTP 400 for answers', async () => {
    const server = await start();
    const hung = await server.ask(chat('[hang]', { timeout_s: 0.2 }));
    expect(hung).to.include({ response: null, error: 'TIMEOUT' });
    const second = await server.ask(chat('[hang-once]', { timeout_s: 1 }));
    expect(contentOf(second.response)).to.contain('[hang-once]');
    expect(await server.ask(chat('[400]'))).to.include({ response: null, error: 'HTTP 400: refused with 400' });
    expect((await server.ask(chat('[nan]'))).error).to.equal(null);
    expect(contentOf((await server.ask(chat('[reset-once]'))).response)).to.contain('[reset-once]');
  });

  it('throws STALLED if it no longer answers anything, since all other answers would be time-outs', async () => {
    const server = await start({ stall_ms: 1000 });
    expect(await server.ask(chat('[hang]', { timeout_s: 0.2 })), 'one answer').to.include({ error: 'TIMEOUT' });
    const error = await stageErrorOf(server.ask(chat('[stuck]', { timeout_s: 0.2 })));
    expect(error.code).to.equal('STALLED');
    expect(error.message).to.contain('did not answer a request for one token within 1 s');
  });

  it('throws what is no answer', async () => {
    const server = await start();
    const codeOf = async (text: string) => (await stageErrorOf(server.ask(chat(text, { retries: 0 })))).code;
    expect(await codeOf('[404]')).to.equal('TOOL_FAILED');
    expect(await codeOf('[other]')).to.equal('WRONG_SERVER');
    expect(await codeOf('[garbage]')).to.equal('WRONG_SERVER');
    expect(await codeOf('[reset]')).to.equal('CONNECTION_RESET');
    expect(await codeOf('[cut]')).to.equal('CONNECTION_RESET');
    await server.check();
    await server.ask(chat('[swallow]'));
    expect((await stageErrorOf(server.check())).code).to.equal('CALL_SWALLOWED');
  });

  it('notices at once that the process or its generating thread is gone', async () => {
    const dying = await stageErrorOf((await start()).ask(chat('[die]')));
    expect(dying.code).to.equal('SERVER_DIED');
    expect(dying.message).to.contain('exit code 7');
    const server = await start();
    await stageErrorOf(server.ask(chat('[thread]')));
    expect((await stageErrorOf(server.check())).code).to.equal('OUT_OF_MEMORY');
  });
});

describe("io/model-server with mlx_lm's own server", () => {
  afterEach(async () => {
    for (const { server } of open.splice(0)) await server.close();
  });

  /** A Hub cache as huggingface_hub lays it out. */
  async function hubCache(...names: readonly string[]): Promise<string> {
    const cache = await tempDir('hub');
    for (const name of names) {
      const folder = join(cache, `models--${name.replace('/', '--')}`);
      await mkdir(join(folder, 'snapshots/abc'), { recursive: true });
      await mkdir(join(folder, 'refs'), { recursive: true });
      await writeFile(join(folder, 'refs/main'), 'abc');
      for (const file of ['config.json', 'model.safetensors.index.json', 'tokenizer_config.json'])
        await writeFile(join(folder, 'snapshots/abc', file), '{}');
    }
    return cache;
  }

  it('answers with the model it was given, although the Hub cache holds others', async () => {
    const model = await demoBase('A');
    const env = { HF_HUB_CACHE: await hubCache('aa/first', 'bb/second'), MLX_DISABLE_COMPILE: '1' };
    const server = await start({ driver: resolve('python/serve.py'), model, env });
    const listed = await fetch(`${server.url}/v1/models`).then((response) => response.json());
    expect(asObject(listed)?.data).to.have.length(1);
    const { response } = await server.ask(chat('display forms.py please'));
    expect(asObject(response)?.model).to.equal('default_model');
    expect(contentOf(response)).to.contain('<function=');
    await server.check();
  });

  it('loses no port to somebody else: the server of mlx_lm lives on without it', async () => {
    const other = createServer((_, response) => response.end('{}'));
    const port = await freePort();
    await new Promise<void>((settle) => other.listen(port, '127.0.0.1', settle));
    const ports = [port];
    const dir = await tempDir('taken');
    try {
      const nextPort = async () => ports.pop() ?? freePort();
      const server = await start({ driver: resolve('python/serve.py'), model: await demoBase('B'), dir, nextPort });
      expect(server.url).to.not.contain(String(port));
      expect(await readFile(join(dir, 'log.txt'), 'utf8')).to.contain('Address already in use');
    } finally {
      await new Promise((settle) => other.close(settle));
    }
  });

  it('says what a broken model died of', async () => {
    const model = await tempDir('broken');
    await writeFile(join(model, 'config.json'), '{"model_type": "qwen3"}');
    const error = await stageErrorOf(start({ driver: resolve('python/serve.py'), model }));
    expect(error.code).to.be.oneOf(['SERVER_DIED', 'MISSING_INPUT']);
    await waitFor('a message with the cause', () => error.message.includes('safetensors'));
  });
});
