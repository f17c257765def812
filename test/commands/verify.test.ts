import { cp, lstat, mkdir, readdir, readFile, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { verify } from '../../src/commands/verify.ts';
import { CommandError, StageError } from '../../src/core/errors.ts';
import { sharedManifest } from '../../src/events/run.ts';
import { openRunStore } from '../../src/io/artifacts/run-store.ts';
import { verifyStage } from '../../src/io/artifacts/verify-stage.ts';
import { proveModel } from '../../src/io/model/model-folder.ts';
import { openWorkspace, type Workspace } from '../../src/io/workspace/workspace.ts';
import { readInputs } from '../../src/workers/attempt/inputs.ts';
import { makeShared } from '../../src/workers/attempt/shared-folder.ts';
import type { Runtime } from '../../src/workers/runtime/runtime.ts';
import { stage as quantize } from '../../src/workers/stages/quantize.ts';
import { demoBase } from '../helpers/real-stage.ts';
import { makeManifest, makeRun } from '../helpers/rows.ts';
import { flipByte, writeShards } from '../helpers/sharded-model.ts';
import { commitStage, madeTrain, makeWorkspace, shelveRun } from '../helpers/stored.ts';
import { tempDir } from '../helpers/temp.ts';

interface Looked {
  readonly damaged: number;
  readonly lines: readonly string[];
}

async function look(workspace: Workspace, options: { run?: string; deep?: boolean } = {}): Promise<Looked> {
  const lines: string[] = [];
  const damaged = await verify(workspace, { deep: false, ...options, out: (line) => void lines.push(line) });
  return { damaged, lines };
}

/** A workspace with a run that has fused a model of three shards; its folder. */
async function fused(): Promise<{ workspace: Workspace; model: string; shards: string[] }> {
  const workspace = await makeWorkspace();
  const folder = await shelveRun(workspace, makeRun());
  const source = await tempDir('model');
  const shards = await writeShards(source, { shards: 3, bytes: 4096 });
  const target = await commitStage(folder, 'fuse', { made: { model: 'model' }, copies: { model: source } });
  return { workspace, model: join(target, 'model'), shards };
}

/** What the next stage says to it. */
async function refusal(workspace: Workspace): Promise<string | null> {
  const runStore = openRunStore(workspace.artifacts);
  await runStore.refresh();
  const [stored] = runStore.all();
  return readInputs({ runStore } as Runtime, quantize, stored!).then(
    () => null,
    (error: unknown) => (error instanceof StageError ? error.code : String(error)),
  );
}

describe('verify', () => {
  const second = (model: string, shards: readonly string[]): string => join(model, shards[1]!);
  const headerEnd = async (path: string): Promise<number> => 8 + Number((await readFile(path)).readBigUInt64LE());
  const cut = async (path: string, bytes: number): Promise<void> => truncate(path, bytes);
  const damages: Record<string, (model: string, shards: readonly string[]) => Promise<unknown>> = {
    'a shard of 0 bytes': (model, shards) => cut(second(model, shards), 0),
    'a shard cut behind its header': async (model, shards) =>
      cut(second(model, shards), await headerEnd(second(model, shards))),
    'half a shard': async (model, shards) =>
      cut(second(model, shards), Math.floor((await stat(second(model, shards))).size / 2)),
    'a shard without its last byte': async (model, shards) =>
      cut(second(model, shards), (await stat(second(model, shards))).size - 1),
    'another byte in the length of a header': (model, shards) => flipByte(second(model, shards), 1),
    'another byte in the name of a tensor': (model, shards) => flipByte(second(model, shards), 8 + 45),
    'no index': (model) => rm(join(model, 'model.safetensors.index.json')),
    'a shard missing': (model, shards) => rm(second(model, shards)),
  };
  for (const [name, damage] of Object.entries(damages)) {
    it(`finds ${name}, and so does the next stage before it reads it`, async () => {
      const { workspace, model, shards } = await fused();
      expect(await look(workspace)).to.deep.include({ damaged: 0 });
      expect(await refusal(workspace)).to.equal(null);
      await damage(model, shards);
      const { damaged, lines } = await look(workspace);
      expect(damaged).to.equal(1);
      expect(lines[0]).to.equal('43a-s0 fuse: DAMAGED');
      expect(lines.join('\n')).to.contain(model).and.to.contain('`phasebox retry 43a-s0 --stage fuse`');
      expect(await refusal(workspace)).to.equal('INPUT_CHANGED');
      // Without its index a model is whole all the same: mlx_lm loads what lies there.
      const proven = await proveModel(model).then(
        () => true,
        () => false,
      );
      expect(proven).to.equal(name === 'no index');
    });
  }

  it('finds a byte in the weights that looks as it did only when it reads deeply', async () => {
    const { workspace, model, shards } = await fused();
    const path = second(model, shards);
    const manifestPath = join(model, '..', 'manifest.json');
    await flipByte(path, (await stat(path)).size - 5);
    const { mtimeMs } = await lstat(path);
    const manifest = JSON.parse(await readFile(manifestPath, 'utf8')) as {
      outputs: { path: string; mtime_ms: number }[];
    };
    // A disk that rots changes no times.
    for (const output of manifest.outputs) if (output.path.endsWith(shards[1]!)) output.mtime_ms = mtimeMs;
    await writeFile(manifestPath, JSON.stringify(manifest));
    expect((await look(workspace)).damaged).to.equal(0);
    const { damaged, lines } = await look(workspace, { deep: true });
    expect(damaged).to.equal(1);
    expect(lines.join('\n')).to.contain(`${path} has another content`);
  });

  it('is not alarmed by what was copied, touched or removed on purpose', async () => {
    const { workspace } = await fused();
    const folder = await shelveRun(workspace, makeRun({ run: '43a-s1', number: 2 }));
    const target = await commitStage(folder, 'train', {
      made: madeTrain,
      copies: { 'adapter/0000004_adapters.safetensors': join(demoBase('A'), 'model.safetensors') },
      removed: { at: '2026-11-22T00:00:00.000Z', paths: ['adapter/0000004_adapters.safetensors'] },
    });
    await rm(join(target, 'adapter/0000004_adapters.safetensors'));
    const root = join(await tempDir('copy'), 'workspace');
    await cp(workspace.root, root, { recursive: true });
    const copy = await openWorkspace(root, 'read');
    const { damaged, lines } = await look(copy);
    expect(damaged).to.equal(0);
    expect(lines[0]).to.match(/^43a-s0 fuse: complete, 7 files, .*; 7 files touched or copied, with the same content$/);
    expect(lines[1]).to.match(/^43a-s1 train: complete, 0 files, .*; others removed on 2026-11-22$/);
    expect(lines[2]).to.match(/^2 finished stages \(of 2 runs\), .* in total: all complete$/);
    await utimes(join(target, 'manifest.json'), new Date(0), new Date(0));
    expect((await look(workspace)).damaged).to.equal(0);
  });

  it('tells a manifest or a base score that cannot be read, and looks at one run alone when asked', async () => {
    const { workspace, model } = await fused();
    const folder = await shelveRun(workspace, makeRun({ run: '43a-s1', number: 2 }));
    await commitStage(folder, 'train', { made: madeTrain, copies: {} });
    await writeFile(join(model, '..', 'manifest.json'), '{"version": 1');
    const base = join(workspace.artifacts, 'base/0123456789ab');
    await mkdir(base, { recursive: true });
    await writeFile(join(base, 'manifest.json'), '{');
    await writeFile(join(base, 'answers.jsonl'), '{"prompt": 1}\n');
    const { damaged, lines } = await look(workspace);
    expect(damaged).to.equal(2);
    expect(lines.join('\n')).to.contain('manifest.json cannot be read').and.to.contain('score.json is gone');
    expect(lines.join('\n')).to.contain('answers.jsonl:1 prompt: ').and.to.contain(`remove ${base}`);
    expect((await look(workspace, { run: '43a-s1' })).damaged).to.equal(0);
    const unknown = await look(workspace, { run: '43a-s7' }).catch((error: unknown) => error);
    expect(unknown).to.be.instanceOf(CommandError).and.to.include({ exitCode: 2 });
  });

  it('finds a byte in the score of a base model, and that it is made again where it does not hold', async () => {
    const { workspace } = await fused();
    const base = { key: 'k', overall: 50, strict: 40, categories: {}, strict_categories: {} };
    const score = JSON.stringify({ base, model: 'm', eval_identity: 'x', probe: null });
    const seen: string[][] = [];
    const make = async (dir: string): Promise<void> => {
      seen.push((await readdir(dir)).sort());
      await writeFile(join(dir, 'answers.jsonl'), '');
      await writeFile(join(dir, 'score.json'), score);
    };
    const shared = (holds: boolean) =>
      makeShared(workspace.artifacts, 'k', { make, holds: () => Promise.resolve(holds) });
    const folder = await shared(true);
    expect((await look(workspace)).lines[1]).to.match(/^base score k: complete, 2 files, /);

    const path = join(folder, 'score.json');
    const { mtime } = await stat(path);
    await writeFile(path, score.replace('50', '51'));
    const touched = await look(workspace);
    expect(touched.damaged).to.equal(1);
    expect(touched.lines.join('\n')).to.contain(`${path} has another content`);
    // A disk that rots changes no times; they are kept to the millisecond here, so the manifest takes them over.
    await utimes(path, mtime, mtime);
    const manifestPath = join(folder, 'manifest.json');
    const manifest = sharedManifest.parse(JSON.parse(await readFile(manifestPath, 'utf8')));
    const { mtimeMs } = await lstat(path);
    const outputs = manifest.outputs.map((one) => (one.path === 'score.json' ? { ...one, mtime_ms: mtimeMs } : one));
    await writeFile(manifestPath, JSON.stringify({ ...manifest, outputs }));
    expect((await look(workspace)).damaged).to.equal(0);
    expect((await look(workspace, { deep: true })).damaged).to.equal(1);

    expect(await shared(true)).to.equal(folder);
    expect(seen).to.eql([[]]);
    await shared(false);
    const { outputs: _unhashed, ...old } = manifest;
    await writeFile(manifestPath, JSON.stringify(old));
    expect((await look(workspace)).lines.join('\n')).to.contain(`${manifestPath} is gone or cannot be read`);
    await shared(true);
    const left = ['answers.jsonl', 'manifest.json', 'score.json'];
    expect(seen, 'what was there is gone on with').to.eql([[], left, left]);
    expect((await look(workspace, { deep: true })).damaged).to.equal(0);
  });

  it('proves 57 GB of twelve shards by their headers', async () => {
    const folder = join(await tempDir('big'), '.3-fuse.a1');
    const model = join(folder, 'model');
    const names = await writeShards(model, { shards: 12, bytes: (57 / 12) * 2 ** 30 });
    const outputs = await Promise.all(
      names.map(async (name) => {
        const { size, mtimeMs, ino } = await lstat(join(model, name));
        return { path: `model/${name}`, bytes: size, mtime_ms: mtimeMs, inode: ino, sha256: 'x' };
      }),
    );
    await writeFile(
      join(folder, 'manifest.json'),
      JSON.stringify(makeManifest('fuse', { made: { model: 'model' }, outputs })),
    );
    await rename(folder, join(folder, '../3-fuse'));
    const start = performance.now();
    const { problems, bytes } = await verifyStage(join(folder, '../3-fuse'), { deep: false });
    const ms = performance.now() - start;
    expect(problems).to.eql([]);
    expect(Math.round(bytes / 2 ** 30)).to.equal(57);
    process.stdout.write(`      ${(bytes / 2 ** 30).toFixed(0)} GB looked at in ${ms.toFixed(0)} ms\n`);
  });
});
