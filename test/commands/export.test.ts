import { appendFile, mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { custodyFile, exportRun, exportText } from '../../src/commands/export.ts';
import { CommandError } from '../../src/core/errors.ts';
import type { Run } from '../../src/events/run.ts';
import { filesBelow } from '../../src/io/disk/hash.ts';
import { proveModel } from '../../src/io/model/model-folder.ts';
import { contentHash, fileHash } from '../../src/io/thread/content-hash.ts';
import type { Workspace } from '../../src/io/workspace/workspace.ts';
import { demoBase } from '../helpers/real-stage.ts';
import { makeRun } from '../helpers/rows.ts';
import { commitStage, madeTrain, makeWorkspace, shelveRun } from '../helpers/stored.ts';
import { tempDir } from '../helpers/temp.ts';

const never = new AbortController().signal;

async function fusedRun(changed: Partial<Run> = {}): Promise<{ workspace: Workspace; folder: string; stage: string }> {
  const workspace = await makeWorkspace();
  const folder = await shelveRun(workspace, makeRun(changed));
  const stage = await commitStage(folder, 'fuse', {
    made: { model: 'model' },
    copies: { model: await demoBase('B') },
    inputs: { base: 'b'.repeat(64), adapter: 'a'.repeat(64) },
  });
  return { workspace, folder, stage };
}

const adapterRun = (changed: Partial<Run> = {}): Run => {
  const run = makeRun(changed);
  return {
    ...run,
    chain: ['train', 'cleanup', 'eval'],
    settings: { ...run.settings, fuse: { ...run.settings.fuse, mode: 'none' } },
  };
};

/** An adapter as mlx_lm leaves it: the weights are those of a model, which is whole for the header check. */
async function adapterFolder(...names: readonly string[]): Promise<string> {
  const folder = await tempDir('adapter');
  const weights = await readFile(join(await demoBase('B'), 'model.safetensors'));
  for (const name of names) await writeFile(join(folder, name), weights);
  await writeFile(join(folder, 'adapter_config.json'), '{}');
  return folder;
}

async function errorOf(call: Promise<unknown>): Promise<CommandError> {
  const error = await call.then(
    () => new Error('it did not throw'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof CommandError) return error;
  throw error;
}

describe('export', () => {
  it('makes a whole model of its own with its custody', async () => {
    const { workspace } = await fusedRun();
    const target = join(await tempDir('out'), 'models', 'coder');
    const exported = await exportRun(workspace, { run: '43a-s0', target, signal: never });
    await proveModel(target);
    const base = await demoBase('B');
    expect((await readdir(target)).sort()).to.eql([...(await readdir(base)), custodyFile].sort());
    const custody = JSON.parse(await readFile(join(target, custodyFile), 'utf8'));
    expect(custody).to.include({ run: '43a-s0', phase: '43a', seed: 0, kind: 'model' });
    expect(custody.inputs.fuse).to.eql({ base: 'b'.repeat(64), adapter: 'a'.repeat(64) });
    expect(custody.files['model.safetensors']).to.equal(await fileHash(join(base, 'model.safetensors')));
    expect(exported).to.include({ kind: 'model', files: 5, folder: target });
    expect(exportText(exported, '43a-s0'))
      .to.match(/^(?:copied|cloned) the final model of 43a-s0 to /)
      .and.to.contain(`--model ${target}`);
  });

  it('leaves the original alone when the copy is written to', async () => {
    const { workspace, stage } = await fusedRun();
    const target = join(await tempDir('out'), 'model');
    const before = await contentHash(join(stage, 'model'));
    await exportRun(workspace, { run: '43a-s0', target, signal: never });
    await appendFile(join(target, 'config.json'), ' ');
    await appendFile(join(target, 'model.safetensors'), 'x');
    expect(await contentHash(join(stage, 'model'))).to.equal(before);
  });

  it('takes an empty folder and refuses one with anything in it', async () => {
    const { workspace } = await fusedRun();
    const empty = await tempDir('empty');
    await exportRun(workspace, { run: '43a-s0', target: empty, signal: never });
    await proveModel(empty);
    const error = await errorOf(exportRun(workspace, { run: '43a-s0', target: empty, signal: never }));
    expect(error.exitCode).to.equal(2);
    expect(error.message).to.contain(empty).and.to.contain('not empty');
    const file = join(await tempDir(), 'file');
    await writeFile(file, 'mine');
    expect((await errorOf(exportRun(workspace, { run: '43a-s0', target: file, signal: never }))).exitCode).to.equal(2);
    expect(await readFile(file, 'utf8')).to.equal('mine');
  });

  it('refuses a folder inside the artifacts', async () => {
    const { workspace } = await fusedRun();
    const target = join(workspace.artifacts, 'copy');
    expect((await errorOf(exportRun(workspace, { run: '43a-s0', target, signal: never }))).message).to.contain(
      'inside',
    );
  });

  it('knows the runs there are, and those that are not done', async () => {
    const { workspace } = await fusedRun();
    await shelveRun(workspace, makeRun({ run: '43a-s1', seed: 1, number: 2 }));
    const target = join(await tempDir('out'), 'model');
    const unknown = await errorOf(exportRun(workspace, { run: '43a-s9', target, signal: never }));
    expect(unknown.exitCode).to.equal(2);
    expect(unknown.message).to.contain('43a-s9');
    const open = await errorOf(exportRun(workspace, { run: '43a-s1', target, signal: never }));
    expect(open.exitCode).to.equal(2);
    expect(open.message).to.contain('fuse of 43a-s1 is not done');
  });

  it('refuses a model that was cut, and leaves nothing', async () => {
    const { workspace, stage } = await fusedRun();
    await truncate(join(stage, 'model/model.safetensors'), 1000);
    const out = await tempDir('out');
    const error = await errorOf(exportRun(workspace, { run: '43a-s0', target: join(out, 'model'), signal: never }));
    expect(error.exitCode).to.equal(1);
    expect(error.message).to.contain('model.safetensors');
    expect(await readdir(out)).to.eql([]);
  });

  it('says of a removed model how it comes back', async () => {
    const { workspace, stage } = await fusedRun();
    const path = join(stage, 'manifest.json');
    const manifest = JSON.parse(await readFile(path, 'utf8'));
    const removed = { at: '2026-11-22T01:00:00.000Z', paths: ['model/model.safetensors'] };
    await writeFile(path, JSON.stringify({ ...manifest, removed }));
    await rm(join(stage, 'model'), { recursive: true });
    const target = join(await tempDir('out'), 'model');
    const error = await errorOf(exportRun(workspace, { run: '43a-s0', target, signal: never }));
    expect(error.exitCode).to.equal(1);
    expect(error.message).to.contain('2026-11-22').and.to.contain('from: { run: 43a-s0, after: train }');
  });

  it('takes the quantized model of two_step, not the fused one', async () => {
    const workspace = await makeWorkspace();
    const run = makeRun({ chain: ['train', 'fuse', 'quantize', 'cleanup', 'eval'] });
    const folder = await shelveRun(workspace, run);
    const base = { A: await demoBase('A'), B: await demoBase('B') };
    await commitStage(folder, 'fuse', { made: { model: 'model' }, copies: { model: base.A } });
    const target = join(await tempDir('out'), 'model');
    const open = await errorOf(exportRun(workspace, { run: '43a-s0', target, signal: never }));
    expect(open.message).to.contain('quantize');
    await commitStage(folder, 'quantize', { made: { model: 'model' }, copies: { model: base.B } });
    await exportRun(workspace, { run: '43a-s0', target, signal: never });
    expect(await fileHash(join(target, 'model.safetensors'))).to.equal(
      await fileHash(join(base.B, 'model.safetensors')),
    );
  });

  it('follows `from` to the run that made the model', async () => {
    const { workspace } = await fusedRun();
    const from = { run: '43a-s0', after: 'fuse' as const };
    await shelveRun(workspace, makeRun({ run: '43a-s0-hot', variant: 'hot', number: 2, chain: ['eval'], from }));
    const target = join(await tempDir('out'), 'model');
    await exportRun(workspace, { run: '43a-s0-hot', target, signal: never });
    await proveModel(target);
  });

  it('copies a model from outside, if it is still what was accepted', async () => {
    const workspace = await makeWorkspace();
    const outside = await tempDir('outside');
    const base = await demoBase('B');
    // As in the Hub's cache: links into a folder of blobs.
    for (const path of await filesBelow(base)) await symlink(path, join(outside, path.slice(base.length + 1)));
    const from = { model: outside, sha256: await contentHash(outside) };
    await shelveRun(workspace, makeRun({ model: null, chain: ['eval'], from }));
    const out = await tempDir('out');
    await exportRun(workspace, { run: '43a-s0', target: join(out, 'one'), signal: never });
    const entries = await readdir(join(out, 'one'), { withFileTypes: true });
    expect(entries.every((entry) => entry.isFile())).to.equal(true);
    await proveModel(join(out, 'one'));
    await writeFile(join(outside, 'extra.json'), '{}');
    const error = await errorOf(exportRun(workspace, { run: '43a-s0', target: join(out, 'two'), signal: never }));
    expect(error.message).to.contain('has changed since the run read it');
    expect(await readdir(out)).to.eql(['one']);
  });

  it('exports base and adapter as two folders', async () => {
    const workspace = await makeWorkspace();
    const base = await demoBase('B');
    const model = { source: 'tiny', folder: base, revision: null, download: false };
    const folder = await shelveRun(workspace, adapterRun({ model }));
    await commitStage(folder, 'train', {
      made: madeTrain,
      copies: { adapter: await adapterFolder('adapters.safetensors', '0000004_adapters.safetensors') },
      inputs: { base: await contentHash(base) },
    });
    const target = join(await tempDir('out'), 'both');
    const exported = await exportRun(workspace, { run: '43a-s0', target, signal: never });
    expect((await readdir(target)).sort()).to.eql(['adapter', 'base', custodyFile]);
    expect((await readdir(join(target, 'adapter'))).sort()).to.eql(['adapter_config.json', 'adapters.safetensors']);
    expect(await contentHash(join(target, 'base'))).to.equal(await contentHash(base));
    expect(exportText(exported, '43a-s0')).to.contain('--adapter-path');
    const custody = JSON.parse(await readFile(join(target, custodyFile), 'utf8'));
    expect(custody.base_sha256).to.equal(await contentHash(base));
  });

  it('gives a checkpoint from outside the name that mlx_lm loads', async () => {
    const workspace = await makeWorkspace();
    const adapter = await adapterFolder('0000600_adapters.safetensors');
    const model = { source: 'tiny', folder: await demoBase('B'), revision: null, download: false };
    const from = { adapter, checkpoint: 600, sha256: await contentHash(adapter) };
    await shelveRun(workspace, { ...adapterRun({ model, from }), chain: ['eval'] });
    const target = join(await tempDir('out'), 'both');
    await exportRun(workspace, { run: '43a-s0', target, signal: never });
    await proveModel(join(target, 'adapter', 'adapters.safetensors'));
  });

  it('leaves nothing when it is stopped, and takes away what a killed export left', async () => {
    const { workspace } = await fusedRun();
    const out = await tempDir('out');
    const stopped = AbortSignal.abort(new CommandError(1, 'Stopped'));
    const target = join(out, 'model');
    expect((await errorOf(exportRun(workspace, { run: '43a-s0', target, signal: stopped }))).message).to.equal(
      'Stopped',
    );
    expect(await readdir(out)).to.eql([]);
    await mkdir(join(out, '.model.phasebox-999999999'));
    await exportRun(workspace, { run: '43a-s0', target, signal: never });
    expect(await readdir(out)).to.eql(['model']);
  });
});
