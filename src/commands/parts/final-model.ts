import { join, relative } from 'node:path';
import { CommandError, StageError } from '../../core/errors.ts';
import {
  type Adapter,
  adapterFiles,
  finalModelOf,
  type OutsideAdapter,
  type PartStage,
} from '../../core/run/lineage.ts';
import { isAmong, isRemoved } from '../../core/run/outputs.ts';
import type { Run } from '../../events/run.ts';
import { files } from '../../events/stages/mlx.ts';
import { type Made, stages } from '../../events/stages.ts';
import { changedOutput } from '../../io/artifacts/commit.ts';
import { notedBases, type StoredRun } from '../../io/artifacts/run-store.ts';
import { filesBelow } from '../../io/disk/hash.ts';
import { proveModel } from '../../io/model/model-folder.ts';
import { resolveModel } from '../../io/model/models.ts';
import { contentHash, fileHash } from '../../io/thread/content-hash.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';
import type { FoundRun } from './find-run.ts';

/** A file of a model: its path, its name in the model's folder, and its expected content. */
export interface ModelFile {
  readonly path: string;
  readonly name: string;
  readonly sha256: string;
}

export interface Weights {
  readonly folder: string;
  /** Its files as in our manifest. Null for a folder from outside. */
  readonly outputs: readonly ModelFile[] | null;
  /** For a folder from outside: its recorded content hash, or null if there is none. */
  readonly hash: string | null;
}

/** One model, or base + adapter (`fuse.mode: none`), the adapter with the file names that mlx_lm reads. */
export type LocatedModel =
  | { readonly kind: 'model'; readonly model: Weights }
  | { readonly kind: 'adapter'; readonly base: Weights; readonly adapter: readonly ModelFile[] };

/** Its own or that of the run it comes from. Throws CommandError 2 (not made yet) or 1 (removed, changed, missing). */
export async function finalModel(workspace: Workspace, found: FoundRun): Promise<LocatedModel> {
  const { runStore, stored } = found;
  const { run } = stored.run;
  const final = finalModelOf(runStore.lineage(stored));
  if (final === null) throw new CommandError(2, `${run} has no final model: the run that it comes from is gone.`);
  if (final.kind === 'adapter') return servedPair(workspace, found, final.adapter);
  if (final.kind === 'outside')
    return { kind: 'model', model: { folder: final.folder.model, outputs: null, hash: final.folder.sha256 } };
  const { made, ...stage } = await committed(found, final.stage);
  await intact(run, stage, [made.model]);
  const outputs = outputsBelow(stage, made.model);
  return { kind: 'model', model: { folder: join(stage.folder, made.model), outputs, hash: null } };
}

async function servedPair(workspace: Workspace, found: FoundRun, from: Adapter<StoredRun>): Promise<LocatedModel> {
  const base = await baseModel(workspace, found);
  if (from.kind === 'outside') return { kind: 'adapter', base, adapter: await outsideAdapter(from.folder) };
  const { made, ...stage } = await committed(found, from.stage);
  const adapter = outputsBelow(stage, made.adapter).filter(({ name }) => adapterNames.includes(name));
  const paths = adapter.map(({ path }) => relative(stage.folder, path));
  await intact(found.stored.run.run, stage, paths);
  return { kind: 'adapter', base, adapter };
}

const adapterNames: readonly string[] = [files.weights, files.adapterConfig];

/** The requested checkpoint gets the only file name that mlx_lm loads. */
async function outsideAdapter(folder: OutsideAdapter): Promise<ModelFile[]> {
  await unchanged(folder.adapter, folder.sha256);
  const named = [
    { path: adapterFiles({ kind: 'outside', folder }).weights, name: files.weights },
    { path: join(folder.adapter, files.adapterConfig), name: files.adapterConfig },
  ];
  return Promise.all(named.map(async (file) => ({ ...file, sha256: await fileHash(file.path) })));
}

/** The base as the run's training (or fuse, or eval) read it. */
async function baseModel(workspace: Workspace, { runStore, stored }: FoundRun): Promise<Weights> {
  const { model, run } = stored.run;
  if (model === null) throw new CommandError(1, `${run} names no base model: its run.json was changed.`);
  const here = model.folder ?? (await fetched(workspace, run, model));
  const [hash = null] = await notedBases(runStore, stored);
  return { folder: here, outputs: null, hash };
}

async function fetched({ root }: Workspace, run: string, model: NonNullable<Run['model']>): Promise<string> {
  const { source, revision } = model;
  const found = await resolveModel(source, revision, root);
  if (found.found) return found.folder;
  const why = `${found.message}; ${found.hint}`;
  throw new CommandError(1, `${run} is base + adapter, and its base is not on this machine: ${why}.`);
}

type Committed = NonNullable<Awaited<ReturnType<FoundRun['runStore']['committed']>>>;

async function committed<S extends PartStage>({ runStore, stored }: FoundRun, stage: S) {
  const found = await runStore.committed(stored, stage);
  const { run } = stored.run;
  if (found === null) {
    const where = runStore.lineage(stored).made(stage)?.run.run ?? run;
    const why = `${stage} of ${where} is not done`;
    throw new CommandError(2, `${run} has no final model yet: ${why}. See \`phasebox status\`.`);
  }
  const made = stages[stage].makes.safeParse(found.manifest.made);
  if (!made.success) throw new CommandError(1, `${found.folder}/manifest.json was written by another version.`);
  return { ...found, made: made.data as Made<S> };
}

/** Throws CommandError 1 if outputs (or folders) were removed by a cleanup, or differ from those that were committed. */
async function intact(run: string, { folder, manifest }: Committed, paths: readonly string[]): Promise<void> {
  const gone = manifest.removed;
  if (gone !== null && paths.some((path) => isRemoved(manifest, path))) {
    const what = `its model was removed on ${gone.at.slice(0, 10)} (cleanup.keep_model, or \`phasebox gc\`)`;
    const todo = `from: { run: ${run}, after: train } under a new phase name rebuilds it`;
    throw new CommandError(1, `${run}: ${what}.\nThe adapter and the recipe are kept: ${todo}.`);
  }
  const outputs = manifest.outputs.filter(({ path }) => isAmong(path, paths));
  const changed =
    outputs.length === 0 ? `${folder} has no outputs` : await changedOutput(folder, { ...manifest, outputs });
  if (changed === null) return;
  const retry = `\`phasebox retry ${run} --stage ${manifest.stage}\``;
  throw new CommandError(1, `${run}: ${changed}. Restore it, or run ${retry} to make it again.`);
}

function outputsBelow({ folder, manifest }: Committed, below: string): ModelFile[] {
  return manifest.outputs
    .filter(({ path }) => path.startsWith(`${below}/`))
    .map(({ path, sha256 }) => ({ path: join(folder, path), name: path.slice(below.length + 1), sha256 }));
}

/** The files of a model. If it is from outside, it must have the recorded content: else CommandError 1. */
export async function modelFiles({ folder, outputs, hash }: Weights): Promise<readonly ModelFile[]> {
  if (outputs !== null) return outputs;
  if (hash !== null) await unchanged(folder, hash);
  const paths = await filesBelow(folder);
  return Promise.all(paths.map(async (path) => ({ path, name: relative(folder, path), sha256: await fileHash(path) })));
}

async function unchanged(folder: string, hash: string): Promise<void> {
  const seen = await contentHash(folder).catch((error: unknown) => {
    throw new CommandError(1, `${folder} cannot be read: ${String(error)}`, { cause: error });
  });
  if (seen === hash) return;
  throw new CommandError(1, `${folder} has changed since the run read it. Restore the old content.`);
}

/** Checks model folders and files of weights as a stage does before it reads them. Throws CommandError 1. */
export async function proveAll(paths: readonly string[]): Promise<void> {
  for (const path of paths.filter((one) => !one.endsWith('.json')))
    await proveModel(path).catch((error: unknown) => {
      throw error instanceof StageError ? new CommandError(1, error.message, { cause: error }) : error;
    });
}
