import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { serve } from '../../src/commands/serve.ts';
import { CommandError } from '../../src/core/errors.ts';
import { askMachine, machineHolder } from '../../src/io/claim/machine-slot.ts';
import { freePort } from '../../src/io/server/server-child.ts';
import { startTool } from '../../src/io/tool/tool-process.ts';
import type { Workspace } from '../../src/io/workspace/workspace.ts';
import { stage as train } from '../../src/workers/stages/train.ts';
import { demoBase, demoRun, quickTrain, runStage, testPython } from '../helpers/real-stage.ts';
import { makeRun } from '../helpers/rows.ts';
import { commitStage, madeTrain, makeWorkspace, shelveRun } from '../helpers/stored.ts';
import { tempDir, waitFor } from '../helpers/temp.ts';

const env = { MLX_DISABLE_COMPILE: '1' };

async function servedWorkspace(): Promise<Workspace> {
  const workspace = await makeWorkspace(`python: ${testPython}\n`);
  const folder = await shelveRun(workspace, makeRun({ env }));
  await commitStage(folder, 'fuse', { made: { model: 'model' }, copies: { model: await demoBase('B') } });
  return workspace;
}

/** Serves until `during` is done with the URL; returns what was said. */
async function whileServed(
  workspace: Workspace,
  during: (url: string) => Promise<void>,
  port?: number,
): Promise<string[]> {
  const stop = new AbortController();
  const said: string[] = [];
  const options = { run: '43a-s0', signal: stop.signal, out: (line: string) => void said.push(line) };
  const served = serve(workspace, port === undefined ? options : { ...options, port });
  try {
    const line = (): string | undefined => said.find((one) => one.startsWith('serving at '));
    const greeted = await Promise.race([waitFor('the greeting', line, 60_000), served.then(() => null)]);
    if (greeted === null) throw new Error('served nothing');
    await during(/http:\/\/[^/]+/.exec(greeted)?.[0] ?? '');
  } finally {
    stop.abort();
    await served;
  }
  return said;
}

async function chat(url: string): Promise<{ model: string; choices: { message: { content: string | null } }[] }> {
  const body = { model: 'default_model', messages: [{ role: 'user', content: 'Show the status' }], max_tokens: 12 };
  const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(body) });
  expect(answer.status).to.equal(200);
  return (await answer.json()) as Awaited<ReturnType<typeof chat>>;
}

async function errorOf(call: Promise<unknown>): Promise<CommandError> {
  const error = await call.then(
    () => new Error('it did not throw'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof CommandError) return error;
  throw error;
}

const quiet = { signal: new AbortController().signal, out: () => undefined };

describe('serve', () => {
  it('answers as default_model on the port that was asked for, and is gone afterwards', async () => {
    const workspace = await servedWorkspace();
    const port = await freePort();
    let asked = '';
    const said = await whileServed(
      workspace,
      async (url) => {
        asked = url;
        const answer = await chat(url);
        expect(answer.model).to.equal('default_model');
        expect(answer.choices[0]?.message.content).to.be.a('string').and.not.equal('');
      },
      port,
    );
    expect(asked).to.equal(`http://127.0.0.1:${port}`);
    expect(said.join('\n'))
      .to.contain(`curl http://127.0.0.1:${port}/v1/chat/completions`)
      .and.to.contain('"default_model"');
    expect(await fetch(`${asked}/health`).catch(() => 'gone')).to.equal('gone');
    expect(await readdir(join(workspace.state, 'serve'))).to.eql([]);
  });

  it('serves base + adapter, and the adapter acts', async () => {
    const fuse = { mode: 'none', q_bits: null, q_group_size: 64 } as const;
    // So steep that the first words are others.
    const run = await demoRun('B', { fuse, train: { ...quickTrain, learning_rate: 0.01 } });
    const workspace = await makeWorkspace(`python: ${testPython}\n`);
    const folder = await shelveRun(workspace, { ...run, run: '43a-s0', phase: '43a', chain: ['train', 'eval'] });
    const trained = await runStage(train, {}, { run, dir: await tempDir('train') });
    await commitStage(folder, 'train', { made: trained.made, copies: { adapter: join(trained.folder, 'adapter') } });
    const [adapted, base] = [[], []] as [string[], string[]];
    const ask = (answers: string[]) => async (url: string) => {
      const answer = await chat(url);
      expect(answer.model).to.equal('default_model');
      answers.push(answer.choices[0]?.message.content ?? '');
    };
    await whileServed(workspace, ask(adapted));
    await whileServed(await servedWorkspace(), ask(base));
    expect(adapted).to.have.length(1).and.not.eql(base);
    expect(await readdir(join(workspace.state, 'serve'))).to.eql([]);
  });

  it('says that a port is taken before it loads anything', async () => {
    const workspace = await servedWorkspace();
    const other = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
    try {
      const error = await errorOf(serve(workspace, { ...quiet, run: '43a-s0', port }));
      expect(error.exitCode).to.equal(3);
      expect(error.message).to.contain(String(port)).and.to.contain('--port');
    } finally {
      other.close();
    }
  });

  it('tells what the server said when it cannot load the model', async () => {
    const workspace = await makeWorkspace(`python: ${testPython}\n`);
    const folder = await shelveRun(workspace, makeRun({ env }));
    const broken = await tempDir('broken');
    await cp(await demoBase('B'), broken, { recursive: true });
    await writeFile(join(broken, 'config.json'), '{"model_type": "no_such_model"}');
    await commitStage(folder, 'fuse', { made: { model: 'model' }, copies: { model: broken } });
    const error = await errorOf(serve(workspace, { ...quiet, run: '43a-s0' }));
    expect(error.exitCode).to.equal(1);
    expect(error.message).to.contain('no_such_model');
    expect(await readdir(join(workspace.state, 'serve'))).to.eql([]);
  });

  it('does not load a model next to a tool that has the machine, whatever workspace it is of', async () => {
    const workspace = await servedWorkspace();
    const dir = join(workspace.root, 'other/.1-train.a1');
    const asked = await askMachine({ dir, what: 'train of 43b-s0', workspace: '/other', server: false });
    if (asked.kind !== 'ours') throw new Error('nobody else is there');
    try {
      const error = await errorOf(serve(workspace, { ...quiet, run: '43a-s0' }));
      expect(error.exitCode).to.equal(3);
      expect(error.message).to.contain(`train of 43b-s0 in /other, pid ${process.pid}`).and.to.contain(dir);
      expect(await readdir(join(workspace.state, 'serve'))).to.eql([]);
    } finally {
      await asked.slot.release();
    }
    await whileServed(workspace, async (url) => {
      await chat(url);
      expect((await machineHolder())?.what).to.equal('serve of 43a-s0');
    });
    expect(await machineHolder()).to.equal(null);
  });

  it('ends what a killed serve left', async () => {
    const workspace = await servedWorkspace();
    const left = join(workspace.state, 'serve', '999999999.abc');
    await mkdir(left, { recursive: true });
    const tool = await startTool({ dir: left, argv: ['sleep', '600'], env: {}, cwd: workspace.root });
    try {
      await waitFor('the tool', async () => (await readdir(left)).includes('started'));
      await whileServed(workspace, async (url) => void (await chat(url)));
      // By a signal; its folder may be gone before its exit code is read.
      expect((await tool.ended).code).to.be.oneOf([128 + 15, null]);
    } finally {
      await tool.stop();
      await tool.ended;
    }
  });

  it('refuses a run that is not there or not done', async () => {
    const workspace = await servedWorkspace();
    expect((await errorOf(serve(workspace, { ...quiet, run: '43a-s7' }))).exitCode).to.equal(2);
    const folder = await shelveRun(workspace, makeRun({ run: '43a-s1', number: 2 }));
    await commitStage(folder, 'train', { made: madeTrain, copies: {} });
    const error = await errorOf(serve(workspace, { ...quiet, run: '43a-s1' }));
    expect(error.message).to.contain('fuse of 43a-s1');
  });
});
