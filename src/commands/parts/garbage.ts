import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import * as z from 'zod';
import { DamagedFile } from '../../core/errors.ts';
import { attemptDue } from '../../core/run/due.ts';
import { adapterOf, ownModelStage, type PartStage } from '../../core/run/lineage.ts';
import { isAmong, keptOutputs } from '../../core/run/outputs.ts';
import type { Row } from '../../events/row.ts';
import type { Manifest } from '../../events/run.ts';
import { files } from '../../events/stages/mlx.ts';
import { isCarried } from '../../events/stages/stage-row.ts';
import { attemptFolder, type Made, type StageName, stageFolder, stageNames, stages } from '../../events/stages.ts';
import { removeOutputs } from '../../io/artifacts/remove-outputs.ts';
import { readManifest } from '../../io/artifacts/run-folder.ts';
import type { RunStore, StoredRun } from '../../io/artifacts/run-store.ts';
import { listNames } from '../../io/disk/files.ts';
import { inParallel } from '../../io/disk/in-parallel.ts';
import { removeInside } from '../../io/disk/inside.ts';
import { folderBytes } from '../../io/host/disk-usage.ts';
import { hasLiveTool } from '../../io/tool/tool-folders.ts';
import { carriedFiles } from '../../workers/attempt/carry-over.ts';

/** Something that is no longer needed. */
export interface Garbage {
  /** What is no leftover is only freed with a flag of its own. */
  readonly kind: 'leftover' | 'checkpoints' | 'model' | 'forgotten';
  readonly what: string;
  /** Absolute path. Nothing in it is touched while a tool works there. */
  readonly folder: string;
  readonly bytes: number;
  free(): Promise<void>;
}

/** The rows and runs of a workspace, read from disk. */
export interface StoredRows {
  readonly runStore: RunStore;
  readonly rows: ReadonlyMap<string, Row>;
}

/** Files of a folder that are deleted, and the folder is not. `names`: their paths in it. */
export async function filesIn(folder: string, what: string, names: readonly string[]): Promise<Garbage> {
  const sizes = await inParallel(names, async (name) => (await stat(join(folder, name)).catch(() => null))?.size ?? 0);
  return {
    ...{ kind: 'leftover', what, folder },
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    async free() {
      for (const name of names) await removeInside(folder, name);
    },
  };
}

/** A folder that is deleted as a whole. */
export async function wholeFolder(folder: string, what: string): Promise<Garbage> {
  const bytes = await folderBytes(folder);
  return { kind: 'leftover', what, folder, bytes, free: () => removeInside(dirname(folder), basename(folder)) };
}

/** What failed attempts and interrupted retries left in a run's folder, except for the attempt that is due. */
export async function leftoversOf({ runStore, rows }: StoredRows, stored: StoredRun): Promise<Garbage[]> {
  const { folder, run } = stored;
  const row = rows.get(run.run);
  const next = row === undefined ? attemptDue(await runStore.state(stored)) : null;
  const current = next === null ? null : attemptFolder(next.stage, next.attempt);
  const found: Garbage[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const path = join(folder, name);
    if (/^\.\d+-[a-z]+\.replaced$/.test(name)) found.push(await wholeFolder(path, `${run.run}: replaced by a retry`));
    const stage = stageNames.find((one) => name.startsWith(`.${stageFolder(one)}.a`));
    if (stage === undefined || name === current) continue;
    // When a failed run is retried, it resumes where it was, so its logs and answers stay.
    if (row?.status === 'done') found.push(await wholeFolder(path, `${run.run}: failed attempt of ${stage}`));
    else found.push(await tracesOf(path, { run: run.run, stage }));
    if (row !== undefined && row.status !== 'done' && stage === 'train') found.push(await statesOf(path, run.run));
  }
  return found;
}

const logFiles: readonly string[] = ['log.txt', 'command.json', files.progress];

/** A failed attempt without its logs and what the next one resumes from: left if a crash came before the cleanup. */
async function tracesOf(folder: string, of: { run: string; stage: StageName }): Promise<Garbage> {
  const kept = [...logFiles, ...carriedFiles(of.stage)];
  const names = await namesIn(folder, (name) => !isCarried(kept, name));
  return filesIn(folder, `${of.run}: files of an unfinished attempt of ${of.stage} (its logs are kept)`, names);
}

/** What a retry of a failed or cancelled training would resume from. It is as large as several adapters. */
async function statesOf(folder: string, run: string): Promise<Garbage> {
  const names = await namesIn(folder, (name) => isCarried(carriedFiles('train'), name) && !logFiles.includes(name));
  const what = `${run}: saved states of its training (without them, a retry trains from iteration 1)`;
  return { ...(await filesIn(folder, what, names)), kind: 'checkpoints' };
}

/** The files at any depth whose names are wanted, relative to the folder. */
async function namesIn(folder: string, isWanted: (name: string) => boolean): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && isWanted(entry.name))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

/** Stages (`run stage`) that may be read by a run without a row, or by one that can be retried. */
export function neededStages({ runStore, rows }: StoredRows): ReadonlySet<string> {
  const needed = new Set<string>();
  for (const stored of runStore.all()) {
    if (rows.get(stored.run.run)?.status === 'done') continue;
    const lineage = runStore.lineage(stored);
    for (const stage of stageNames) {
      const maker = lineage.made(stage);
      if (maker !== undefined) needed.add(`${maker.run.run} ${stage}`);
    }
  }
  return needed;
}

/** Checkpoints and the final model of a done run, if nothing else reads them and they can be made again. */
export async function bulkOf(storedRows: StoredRows, stored: StoredRun, needed: ReadonlySet<string>) {
  const { run, folder } = stored;
  if (storedRows.rows.get(run.run)?.status !== 'done') return [];
  const found: Garbage[] = [];
  const train = run.chain.includes('train') ? await readManifest(stored.folder, 'train') : null;
  if (train !== null && !needed.has(`${run.run} train`)) {
    const made = parseMade('train', stored, train);
    const final = join(made.adapter, files.weights);
    const paths = made.checkpoints.map(({ file }) => file).filter((file) => file !== final);
    found.push({ kind: 'checkpoints', what: `${run.run}: checkpoints`, ...outputs(folder, train, paths) });
  }
  const stage = ownModelStage(run.chain);
  const last = stage === null ? null : await readManifest(stored.folder, stage);
  if (stage !== null && last !== null && !needed.has(`${run.run} ${stage}`) && (await hasRecipe(storedRows, stored))) {
    const what = `${run.run}: final model (\`phasebox retry ${run.run} --stage fuse\` makes it again)`;
    found.push({ kind: 'model', what, ...outputs(folder, last, [parseMade(stage, stored, last).model]) });
  }
  return found.filter(({ bytes }) => bytes > 0);
}

/** The outputs of a stage, from its manifest. Throws DamagedFile. */
function parseMade<S extends PartStage>(stage: S, { folder }: StoredRun, { made }: Manifest): Made<S> {
  const read = stages[stage].makes.safeParse(made);
  if (read.success) return read.data as Made<S>;
  throw new DamagedFile(join(folder, stageFolder(stage), 'manifest.json'), `made: ${z.prettifyError(read.error)}`);
}

/** Without its adapter, a model is the only copy of what was learned. */
async function hasRecipe({ runStore }: StoredRows, stored: StoredRun): Promise<boolean> {
  const adapter = adapterOf(runStore.lineage(stored));
  if (adapter?.kind === 'outside') return (await listNames(adapter.folder.adapter)).length > 0;
  const made = adapter === null ? null : await runStore.committed(stored, adapter.stage);
  if (made === null) return false;
  return (await stat(join(made.folder, String(made.manifest.made.adapter), files.weights)).catch(() => null)) !== null;
}

function outputs(run: string, { stage, ...manifest }: Manifest, paths: readonly string[]) {
  const there = keptOutputs(manifest).filter(({ path }) => isAmong(path, paths));
  return {
    folder: join(run, stageFolder(stage)),
    bytes: there.reduce((sum, { bytes }) => sum + bytes, 0),
    async free() {
      await removeOutputs(run, stage, { paths, at: new Date().toISOString() });
    },
  };
}

/** Frees it. False if a tool works there. */
export async function freeUp(garbage: Garbage): Promise<boolean> {
  if (await hasLiveTool(garbage.folder)) return false;
  await garbage.free();
  return true;
}
