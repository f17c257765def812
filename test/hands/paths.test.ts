import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { gc } from '../../src/commands/gc.ts';
import type { Manifest } from '../../src/events/run.ts';
import type { Workspace } from '../../src/io/workspace/workspace.ts';
import { demoBase } from '../helpers/real-stage.ts';
import { makeRow, makeRun } from '../helpers/rows.ts';
import { commitStage, makeWorkspace, shelveRun } from '../helpers/stored.ts';
import { tempDir } from '../helpers/temp.ts';

let workspace: Workspace;
let canary: string;

/** A run that is done, with a final model; `change`: what a hand does to the manifest of its fuse. */
async function fused(change: (manifest: Manifest) => unknown = (manifest) => manifest): Promise<string> {
  const run = makeRun({ chain: ['fuse', 'eval'], from: { adapter: demoBase('A'), checkpoint: null, sha256: 'a' } });
  const folder = await shelveRun(workspace, run);
  await writeFile(join(folder, 'journal.jsonl'), '');
  const stage = await commitStage(folder, 'fuse', { made: { model: 'model' }, copies: { model: demoBase('A') } });
  const path = join(stage, 'manifest.json');
  await writeFile(path, JSON.stringify(change(JSON.parse(await readFile(path, 'utf8')))));
  await writeFile(
    join(workspace.artifacts, 'results.jsonl'),
    `${JSON.stringify(makeRow({ run: run.run, status: 'done' }))}\n`,
  );
  return stage;
}

async function collect(): Promise<string> {
  const lines: string[] = [];
  await gc(workspace, {
    models: true,
    checkpoints: true,
    forgotten: true,
    yes: true,
    out: (line) => lines.push(line),
  }).catch((error: Error) => lines.push(error.message));
  return lines.join('\n');
}

describe('paths that a manifest names', () => {
  beforeEach(async () => {
    workspace = await makeWorkspace();
    canary = join(workspace.root, '..', `canary-${process.pid}`);
    await mkdir(canary, { recursive: true });
    await writeFile(join(canary, 'mine'), 'mine');
  });
  afterEach(async () => {
    expect(await readdir(canary)).to.eql(['mine']);
    await rm(canary, { recursive: true });
  });

  const up = '../'.repeat(5);
  const lies: readonly (readonly [string, (manifest: Manifest) => unknown])[] = [
    ['made.model', (manifest) => ({ ...manifest, made: { model: `${up}canary-${process.pid}` } })],
    ['made.model, absolute', (manifest) => ({ ...manifest, made: { model: canary } })],
    ['made.model, the folder itself', (manifest) => ({ ...manifest, made: { model: '.' } })],
    [
      'outputs',
      (manifest) => ({ ...manifest, outputs: [{ ...manifest.outputs[0], path: `${up}canary-${process.pid}/mine` }] }),
    ],
    [
      'removed',
      (manifest) => ({ ...manifest, removed: { at: manifest.ended, paths: [`${up}canary-${process.pid}`] } }),
    ],
  ];
  for (const [what, lie] of lies)
    it(`lead nowhere outside: ${what}`, async () => {
      const stage = await fused(lie);
      await collect();
      expect(await readdir(join(stage, 'model'))).to.contain('model.safetensors');
    });

  it('lead nowhere outside: a link in place of the model', async () => {
    const elsewhere = await tempDir('elsewhere');
    const stage = await fused();
    await rename(join(stage, 'model'), join(elsewhere, 'model'));
    await symlink(join(elsewhere, 'model'), join(stage, 'model'));
    expect(await collect()).to.contain('leads out of');
    expect(await readdir(join(elsewhere, 'model'))).to.contain('model.safetensors');
    expect(await readFile(join(stage, 'manifest.json'), 'utf8')).to.contain('"removed":null');
  });

  it('lead nowhere outside: a link in place of the stage', async () => {
    const elsewhere = await tempDir('elsewhere');
    const stage = await fused();
    await rename(stage, join(elsewhere, 'stage'));
    await symlink(join(elsewhere, 'stage'), stage);
    expect(await collect()).to.contain('leads out of');
    expect(await readdir(join(elsewhere, 'stage/model'))).to.contain('model.safetensors');
    expect(await readFile(join(elsewhere, 'stage/manifest.json'), 'utf8')).to.contain('"removed":null');
  });
});
