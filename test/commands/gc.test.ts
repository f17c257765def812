import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type GcOptions, gc } from '../../src/commands/gc.ts';
import { verify } from '../../src/commands/verify.ts';
import type { Row } from '../../src/events/row.ts';
import type { JournalLine, Run } from '../../src/events/run.ts';
import { putAwayPhase } from '../../src/io/artifacts/phase-store.ts';
import { readRows } from '../../src/io/artifacts/results-file.ts';
import { askMachine } from '../../src/io/claim/machine-slot.ts';
import { startTool } from '../../src/io/tool/tool-process.ts';
import type { Workspace } from '../../src/io/workspace/workspace.ts';
import { demoBase } from '../helpers/real-stage.ts';
import { at, makeRow, makeRun } from '../helpers/rows.ts';
import { commitStage, madeTrain, makeWorkspace, shelveRun } from '../helpers/stored.ts';
import { tempDir, waitFor } from '../helpers/temp.ts';

let workspace: Workspace;
let base: string;

/** A run that has trained and fused; `row`: how it ended, absent: it has not. */
async function runOf(over: Partial<Run>, row?: Partial<Row>, journal: readonly JournalLine[] = []): Promise<string> {
  const model = { source: base, folder: base, revision: null, download: false };
  const run = makeRun({ model, ...over });
  const folder = await shelveRun(workspace, run);
  const started: JournalLine[] = [{ event: 'started', at: at(0) }, ...journal];
  await writeFile(join(folder, 'journal.jsonl'), started.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const weights = join(demoBase('A'), 'model.safetensors');
  if (run.chain.includes('train')) {
    const copies = { 'adapter/adapters.safetensors': weights, 'adapter/0000004_adapters.safetensors': weights };
    await commitStage(folder, 'train', { made: madeTrain, copies, inputs: { base: 'base-hash' } });
  }
  if (run.chain.includes('fuse'))
    await commitStage(folder, 'fuse', { made: { model: 'model' }, copies: { model: demoBase('A') } });
  if (row !== undefined) rows.push(makeRow({ run: run.run, ...row }));
  await writeFile(join(workspace.artifacts, 'results.jsonl'), rows.map((one) => `${JSON.stringify(one)}\n`).join(''));
  return folder;
}
let rows: Row[] = [];

async function attempt(folder: string, name: string, ...files: readonly string[]): Promise<string> {
  await mkdir(join(folder, name), { recursive: true });
  for (const file of files) await writeFile(join(folder, name, file), 'x'.repeat(1000));
  return join(folder, name);
}

async function collect(options: Partial<GcOptions> = {}): Promise<{ bytes: number; lines: string }> {
  const lines: string[] = [];
  const out = (line: string): void => void lines.push(line);
  const bytes = await gc(workspace, {
    models: false,
    checkpoints: false,
    forgotten: false,
    yes: false,
    ...options,
    out,
  });
  return { bytes, lines: lines.join('\n') };
}

const failed: JournalLine = {
  ...{ event: 'failed', at: at(1), stage: 'eval', attempt: 1, code: 'GPU_FAULT', message: 'm', log: [], seconds: 1 },
  retry_at: at(2),
};

describe('gc', () => {
  beforeEach(async () => {
    workspace = await makeWorkspace();
    rows = [];
    base = await tempDir('base');
    await writeFile(join(base, 'config.json'), '{}');
  });

  it('shows what failed attempts left, with sizes and their sum, and deletes nothing unless asked', async () => {
    const done = await runOf({}, { status: 'done' });
    await attempt(done, '.3-fuse.a1', 'log.txt', 'model.safetensors');
    await attempt(done, '.3-fuse.replaced', 'model.safetensors');
    const dry = await collect();
    expect(dry.bytes).to.equal(3000);
    expect(dry.lines).to.contain('43a-s0: failed attempt of fuse  (artifacts/43a/43a-s0/.3-fuse.a1)');
    expect(dry.lines).to.contain('2.9 KB can be freed: add --yes');
    expect((await readdir(done)).filter((name) => name.startsWith('.'))).to.have.length(2);
    expect((await collect({ yes: true })).lines).to.contain('2.9 KB freed');
    expect((await readdir(done)).filter((name) => name.startsWith('.'))).to.eql([]);
    expect((await collect()).bytes).to.equal(0);
  });

  it('leaves the attempt that is due, and logs and answers of a run that may be retried', async () => {
    const chain: Run['chain'] = ['train', 'fuse', 'eval'];
    const open = await runOf({ chain }, undefined, [failed]);
    await attempt(open, '.6-eval.a1', 'log.txt', 'answers.jsonl', 'half.tmp');
    await attempt(open, '.6-eval.a2', 'log.txt', 'answers.jsonl', 'half.tmp');
    const over = await runOf({ run: '43a-s1', number: 2, chain }, { status: 'failed' }, [
      { ...failed, retry_at: null },
    ]);
    await attempt(over, '.6-eval.a1', 'log.txt', 'command.json', 'answers.jsonl', 'half.tmp');
    expect((await collect({ yes: true, models: true, checkpoints: true })).bytes).to.equal(2000);
    expect((await readdir(join(open, '.6-eval.a1'))).sort()).to.eql(['answers.jsonl', 'log.txt']);
    expect(await readdir(join(open, '.6-eval.a2'))).to.have.length(3);
    expect((await readdir(join(over, '.6-eval.a1'))).sort()).to.eql(['answers.jsonl', 'command.json', 'log.txt']);
  });

  it('frees what a cancelled training could resume from only with --checkpoints', async () => {
    const run = await runOf({ chain: ['train', 'fuse', 'eval'] }, { status: 'cancelled' }, [
      { ...failed, stage: 'train', code: 'CANCELLED', retry_at: null },
    ]);
    const dir = await attempt(run, '.1-train.a1', 'log.txt', 'progress.jsonl');
    await attempt(dir, 'states', 'state-0000010-ab.safetensors', 'state.partial');
    await attempt(dir, 'adapter', '0000010_adapters.safetensors');
    const usual = await collect({ yes: true });
    expect(usual.bytes, 'the half of a state').to.equal(1000);
    expect(usual.lines).to.match(
      /--checkpoints would free 2\.0 KB more: 1 set of checkpoints .*, or of saved states of/,
    );
    const all = await collect({ yes: true, checkpoints: true });
    expect(all.bytes).to.equal(2000);
    expect(all.lines).to.contain(
      '43a-s0: saved states of its training (without them, a retry trains from iteration 1)',
    );
    expect((await readdir(dir)).sort()).to.include.members(['log.txt', 'progress.jsonl']);
    expect([...(await readdir(join(dir, 'states'))), ...(await readdir(join(dir, 'adapter')))]).to.eql([]);
  });

  it('never touches a folder that a tool works in', async () => {
    const done = await runOf({}, { status: 'done' });
    const dir = join(done, '.3-fuse.a1');
    const tool = await startTool({ dir: join(dir, 'server'), argv: ['sleep', '600'], env: {}, cwd: workspace.root });
    try {
      await waitFor('the tool', async () => (await readdir(join(dir, 'server'))).includes('started'));
      await writeFile(join(dir, 'big'), 'x');
      const { lines, bytes } = await collect({ yes: true });
      expect(lines).to.contain('not deleted, since a tool works there');
      expect(bytes).to.equal(0);
      expect(await readdir(dir)).to.include('big');
    } finally {
      await tool.stop();
      await tool.ended;
    }
  });

  it('frees models and checkpoints of runs that are done when asked; what is left is whole', async () => {
    const done = await runOf({}, { status: 'done' });
    const dry = await collect();
    expect(dry.bytes).to.equal(0);
    expect(dry.lines).to.match(/^nothing to free without further options\n/);
    expect(dry.lines).to.match(/--models would free .* KB: 1 final model of runs/);
    expect(dry.lines).to.match(/--checkpoints would free .* KB: 1 set of checkpoints of runs/);
    expect((await collect({ yes: true, models: true, checkpoints: true })).bytes).to.be.greaterThan(200_000);
    expect(await readdir(join(done, '1-train/adapter'))).to.eql(['adapters.safetensors']);
    expect(await readdir(join(done, '3-fuse'))).to.eql(['manifest.json']);
    const options = { deep: true, out: () => undefined };
    expect(await verify(workspace, options)).to.equal(0);
    expect((await collect({ models: true, checkpoints: true })).bytes).to.equal(0);
  });

  it('counts what a flag would free of several runs in plain words', async () => {
    await runOf({}, { status: 'done' });
    await runOf({ run: '43a-s1', number: 2 }, { status: 'done' });
    const { lines } = await collect();
    expect(lines).to.match(/--models would free .* KB: 2 final models of runs/);
    expect(lines).to.match(/--checkpoints would free .* KB: 2 sets of checkpoints of runs/);
  });

  it('keeps what a waiting, started or failed run reads, and a model that nothing can make again', async () => {
    await runOf({}, { status: 'done' });
    const from = { run: '43a-s0', after: 'fuse' } as const;
    await runOf({ run: '43b-s0', phase: '43b', number: 2, chain: ['eval'], from });
    expect((await collect({ models: true, checkpoints: true })).bytes).to.equal(0);
    rows.push(makeRow({ run: '43b-s0', phase: '43b', status: 'failed' }));
    await writeFile(join(workspace.artifacts, 'results.jsonl'), rows.map((one) => `${JSON.stringify(one)}\n`).join(''));
    expect((await collect({ models: true, checkpoints: true })).bytes).to.equal(0);
    rows = rows.map((row) => ({ ...row, status: 'done' }));
    await writeFile(join(workspace.artifacts, 'results.jsonl'), rows.map((one) => `${JSON.stringify(one)}\n`).join(''));
    expect((await collect({ models: true, checkpoints: true })).bytes).to.be.greaterThan(0);
    await rm(join(workspace.artifacts, '43a/43a-s0/1-train/adapter/adapters.safetensors'));
    expect((await collect({ models: true })).bytes).to.equal(0);
  });

  it('does not take a model away that is served', async () => {
    await runOf({}, { status: 'done' });
    const dir = join(workspace.state, 'serve/1.x');
    const asked = await askMachine({ dir, what: 'serve of 43a-s0', workspace: workspace.root, server: true });
    expect((await collect({ yes: true, models: true })).bytes).to.equal(0);
    if (asked.kind === 'ours') await asked.slot.release();
    expect((await collect({ yes: true, models: true })).bytes).to.be.greaterThan(0);
  });

  it('frees base scores whose model is gone, and logs that no process writes to', async () => {
    await runOf({}, { status: 'done' });
    for (const [key, model] of Object.entries({
      aaaaaaaaaaaa: 'base-hash',
      bbbbbbbbbbbb: 'unknown',
      '.cccccccccccc': 'x',
    })) {
      const folder = await attempt(join(workspace.artifacts, 'base'), key, 'answers.jsonl');
      const score = { key, overall: 1, strict: 1, categories: {}, strict_categories: {} };
      const file = { base: score, model, eval_identity: 'x', probe: null };
      await writeFile(join(folder, 'score.json'), JSON.stringify(file));
    }
    await attempt(workspace.state, 'downloads/org--m-1', 'log.txt');
    await attempt(workspace.state, 'serve/999999999.x', 'log.txt');
    await attempt(workspace.state, 'log', 'phasebox.log', 'phasebox.1.log');
    await attempt(workspace.state, 'prompts', 'old.json', 'new.json');
    await utimes(join(workspace.state, 'prompts/old.json'), new Date(0), new Date(0));
    await collect({ yes: true });
    expect(await readdir(join(workspace.state, 'prompts'))).to.eql(['new.json']);
    expect((await readdir(join(workspace.artifacts, 'base'))).sort()).to.eql(['aaaaaaaaaaaa']);
    expect(await readdir(join(workspace.state, 'downloads'))).to.eql([]);
    expect(await readdir(join(workspace.state, 'serve'))).to.eql([]);
    expect(await readdir(join(workspace.state, 'log'))).to.eql(['phasebox.log']);
    await rm(base, { recursive: true });
    await collect({ yes: true });
    expect(await readdir(join(workspace.artifacts, 'base'))).to.eql([]);
  });

  it('says how large forgotten phases are, and deletes them only when asked; their rows stay out of sight', async () => {
    const done = await runOf({}, { status: 'done' });
    await attempt(done, 'extra', 'file');
    await putAwayPhase(workspace.artifacts, '43a');
    expect((await collect({ yes: true, models: true, checkpoints: true })).lines).to.match(
      /--forgotten would free .* KB: 1 phase in artifacts\/\.forgotten\//,
    );
    expect((await collect({ forgotten: true })).lines).to.match(
      /43a: forgotten or replaced {2}\(artifacts\/\.forgotten\/43a\/1\)/,
    );
    expect(await readdir(join(workspace.artifacts, '.forgotten/43a/1'))).to.eql(['43a-s0']);
    expect((await collect({ forgotten: true, yes: true })).lines).to.contain('KB freed');
    expect(await readdir(join(workspace.artifacts, '.forgotten/43a'))).to.eql([]);
    expect(await readRows(workspace.artifacts)).to.eql([]);
  });
});
