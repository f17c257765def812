import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest, Run } from '../../src/events/run.ts';
import { attemptFolder, type Made, type StageName, stageFolder } from '../../src/events/stages.ts';
import { commit, hashOutputs } from '../../src/io/artifacts/commit.ts';
import { openWorkspace, type Workspace } from '../../src/io/workspace/workspace.ts';
import { makeManifest } from './rows.ts';
import { tempDir } from './temp.ts';

/** A fresh workspace in a temporary folder; `config`: its phasebox.yaml. */
export async function makeWorkspace(config = ''): Promise<Workspace> {
  const root = await tempDir('workspace');
  await writeFile(join(root, 'phasebox.yaml'), config);
  return openWorkspace(root, 'create');
}

/** Puts a run's plan where acceptance would; returns its folder. */
export async function shelveRun(workspace: Workspace, run: Run): Promise<string> {
  const folder = join(workspace.artifacts, run.phase, run.run);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'run.json'), JSON.stringify(run));
  return folder;
}

/** Commits a stage of a run as the runner does: `copies` are its outputs, name inside the stage's folder -> source. */
export async function commitStage<S extends StageName>(
  folder: string,
  stage: S,
  { made, copies, ...changed }: Partial<Manifest> & { made: Made<S>; copies: Readonly<Record<string, string>> },
): Promise<string> {
  const dir = join(folder, attemptFolder(stage, 1));
  await mkdir(dir);
  for (const [name, source] of Object.entries(copies)) await cp(source, join(dir, name), { recursive: true });
  const target = join(folder, stageFolder(stage));
  await commit(dir, target, makeManifest(stage, { ...changed, made, outputs: await hashOutputs(dir) }));
  return target;
}

/** What a training leaves, as far as others read it. */
export const madeTrain: Made<'train'> = {
  ...{ adapter: 'adapter', checkpoints: [{ iteration: 4, file: 'adapter/0000004_adapters.safetensors' }] },
  ...{ iterations: 4, train_loss: null, val_loss: null, profile: null, warm_restart: false },
};
