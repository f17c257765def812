import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parsedOrNull } from '../../core/json.ts';
import { putAwayFolders, putAwayNames } from '../../io/artifacts/forgotten.ts';
import { notedBases, sharedFolder } from '../../io/artifacts/run-store.ts';
import { ownerOf } from '../../io/claim/ownership.ts';
import { listNames, readText } from '../../io/disk/files.ts';
import { commandLine } from '../../io/host/process-facts.ts';
import { findBaseModel } from '../../io/model/models.ts';
import { renderedFolder } from '../../io/model/render-prompts.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';
import { baseFile } from '../../workers/stages/base-score.ts';
import { filesIn, type Garbage, type StoredRows, wholeFolder } from './garbage.ts';

/** What belongs to no run: scores of base models that are gone, old logs and prompts, folders of killed servers. */
export async function sharedGarbage(workspace: Workspace, storedRows: StoredRows): Promise<Garbage[]> {
  const found = [
    ...(await baseScores(workspace, storedRows)),
    ...(await downloads(workspace)),
    ...(await servers(workspace)),
    ...(await oldLogs(workspace)),
    ...(await oldPrompts(workspace)),
  ];
  return found.filter(({ bytes }) => bytes > 0);
}

/**
 * What `forget` and corrected configs put away. The folder with the name stays: as long as it does, the rows of the phase
 * are left out.
 */
export async function forgottenGarbage({ artifacts }: Workspace): Promise<Garbage[]> {
  const found: Garbage[] = [];
  for (const phase of await putAwayNames(artifacts))
    for (const folder of await putAwayFolders(artifacts, phase))
      found.push({ ...(await wholeFolder(folder, `${phase}: forgotten or replaced`)), kind: 'forgotten' });
  return found;
}

/** Hashes of base models that runs have read, and whether the model still exists on this machine. */
async function baseModels({ root }: Workspace, { runStore }: StoredRows): Promise<ReadonlyMap<string, boolean>> {
  const here = new Map<string, boolean>();
  for (const stored of runStore.all()) {
    const model = await findBaseModel(stored.run, await runStore.journal(stored), root);
    // A folder that existed at acceptance is not searched again.
    const found = model?.found === true && (await listNames(model.folder)).length > 0;
    for (const hash of await notedBases(runStore, stored)) here.set(hash, found || (here.get(hash) ?? false));
  }
  return here;
}

async function baseScores(workspace: Workspace, storedRows: StoredRows): Promise<Garbage[]> {
  const { runStore, rows } = storedRows;
  const open = runStore.all().some(({ run }) => rows.get(run.run)?.status !== 'done');
  const models = await baseModels(workspace, storedRows);
  const found: Garbage[] = [];
  for (const key of (await listNames(sharedFolder(workspace.artifacts, ''))).sort()) {
    const folder = sharedFolder(workspace.artifacts, key);
    if (key.startsWith('.')) {
      if (!open) found.push(await wholeFolder(folder, 'score of a base model, not finished'));
      continue;
    }
    const model = await modelOf(folder);
    // An unfinished run may need a model that no run has read yet.
    const needed = model === null || (models.get(model) ?? open);
    if (!needed) found.push(await wholeFolder(folder, `score of a base model that is gone (${key})`));
  }
  return found;
}

/** Null if it cannot be read. `phasebox verify` says what to do. */
const modelOf = async (folder: string): Promise<string | null> =>
  parsedOrNull(baseFile, await readText(join(folder, 'score.json')))?.model ?? null;

/** Only while no `up` is running, since it may be about to start one. */
async function downloads({ state }: Workspace): Promise<Garbage[]> {
  if ((await ownerOf(state)) !== null) return [];
  const names = await listNames(join(state, 'downloads'));
  return Promise.all(names.map((name) => wholeFolder(join(state, 'downloads', name), `log of a download: ${name}`)));
}

async function servers({ state }: Workspace): Promise<Garbage[]> {
  const found: Garbage[] = [];
  for (const name of await listNames(join(state, 'serve'))) {
    // Named by the pid of the command that serves.
    if ((await commandLine(Number.parseInt(name, 10)))?.includes('serve')) continue;
    found.push(await wholeFolder(join(state, 'serve', name), 'left by a `serve` that was killed'));
  }
  return found;
}

/** Days for which rendered prompts are kept. Those of models that are no longer used would stay permanently. */
const promptDays = 30;

async function oldPrompts({ state }: Workspace): Promise<Garbage[]> {
  const folder = renderedFolder(state);
  const since = Date.now() - promptDays * 86_400_000;
  const old: string[] = [];
  for (const name of await listNames(folder)) if ((await stat(join(folder, name))).mtimeMs < since) old.push(name);
  return [await filesIn(folder, `rendered prompts older than ${promptDays} days`, old)];
}

/** `phasebox.1.log` ...: full ones. */
async function oldLogs({ state }: Workspace): Promise<Garbage[]> {
  const folder = join(state, 'log');
  const names = (await listNames(folder)).filter((name) => /^phasebox\.\d+\.log$/.test(name)).sort();
  return Promise.all(names.map((name) => filesIn(folder, `old log ${name}`, [name])));
}
