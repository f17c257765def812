import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FoundModel } from '../../core/config/lookups.ts';
import { type ModelFault, otherForm, remedy } from '../../core/mlx/model-fault.ts';
import type { JournalLine, Run } from '../../events/run.ts';
import { ifCode, isFolder, listNames, readText } from '../disk/files.ts';
import { absolutePath, homeFolder } from '../host/home.ts';
import { indexFile, parseShardNames } from '../thread/parse-model.ts';
import { smallJson } from '../thread/parse-tensors.ts';
import { runTask } from '../thread/run-task.ts';

const hubId = /^[A-Za-z0-9][\w.-]{0,95}(?:\/[A-Za-z0-9][\w.-]{0,95})?$/;
const revisionName = /^(?!.*\.\.)[A-Za-z0-9][\w.-]{0,99}(?:\/[\w.-]{1,99}){0,4}$/;

/** Where models of the Hub are stored, by the same variables and in the same order as huggingface_hub. */
export function hubCache(env: NodeJS.ProcessEnv = process.env): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = env;
  const home = HF_HOME || join(XDG_CACHE_HOME || join(homeFolder(), '.cache'), 'huggingface');
  return absolutePath(HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE || join(home, 'hub'), process.cwd());
}

/**
 * Where a model is on this machine. A name that starts with `.`, `/` or `~` is a folder, and an existing folder takes
 * precedence over a hub id. This only checks names and sizes. The weights are verified before they are used.
 */
export async function resolveModel(source: string, revision: string | null, root: string): Promise<FoundModel> {
  const folder = absolutePath(source, root);
  if (await isFolder(folder)) return inFolder(folder);
  if (/^[./~]/.test(source) || !hubId.test(source)) {
    const hint = 'relative paths are resolved from the workspace; a hub id has the form org/name';
    return { found: false, kind: 'folder', message: `the folder ${folder} does not exist`, hint };
  }
  return inCache(source, revision);
}

async function inFolder(folder: string): Promise<FoundModel> {
  const fault = await incomplete(folder);
  if (fault === null) return { found: true, folder, revision: null };
  const hint = fault.kind === 'form' ? remedy(fault, { folder, hub: null }) : wholeFolder;
  return { found: false, kind: 'folder', message: fault.problem, hint };
}

const wholeFolder = 'give a folder with config.json and its safetensors';

async function inCache(id: string, revision: string | null): Promise<FoundModel> {
  const wanted = revision === null ? '' : ` --revision ${revision}`;
  const missing = (message: string): FoundModel => ({
    found: false,
    kind: 'hub',
    message,
    hint: `fetch it: \`hf download ${id}${wanted}\`, or write download: true`,
  });
  if (revision !== null && !revisionName.test(revision)) {
    const hint = 'allowed: a commit, branch or tag';
    return { found: false, kind: 'unusable', message: `${revision} is not a revision`, hint };
  }
  const cache = hubCache();
  const home = join(cache, `models--${id.replaceAll('/', '--')}`);
  const commit = await commitOf(home, revision);
  const of = revision === null ? '' : ` at revision ${revision}`;
  if (commit === null)
    return missing(`${id}${of} is not a folder in the workspace, and is not in the Hub cache (${cache})`);
  const folder = join(home, 'snapshots', commit);
  const blobs = await listNames(join(home, 'blobs'));
  // A killed download leaves `<etag>.<random>.incomplete` permanently. What was fetched since then is complete.
  const cut = blobs.find((name) => name.endsWith('.incomplete') && !blobs.includes(name.split('.')[0] ?? name));
  if (cut !== undefined) return missing(`${id} is only partly fetched: ${join(home, 'blobs', cut)} is there`);
  const fault = await incomplete(folder);
  if (fault === null) return { found: true, folder, revision: commit };
  if (fault.kind !== 'form') return missing(`${id} is not whole: ${fault.problem}`);
  // Fetching it again would bring the same files.
  const hint = remedy(fault, { folder, hub: null });
  return { found: false, kind: 'unusable', message: `${id}: ${fault.problem}`, hint };
}

/** The snapshot of a revision: itself, or the one that its ref names. */
async function commitOf(home: string, revision: string | null): Promise<string | null> {
  const snapshots = await listNames(join(home, 'snapshots'));
  if (revision !== null && snapshots.includes(revision)) return revision;
  const commit = (await readText(join(home, 'refs', revision ?? 'main')))?.trim();
  return commit !== undefined && snapshots.includes(commit) ? commit : null;
}

/** What a model folder lacks. Null if config.json and all shards exist and their links lead to files. */
async function incomplete(folder: string): Promise<ModelFault | null> {
  const names = await listNames(folder);
  const absent = (problem: string): ModelFault => {
    const form = otherForm(names);
    return form === null ? { kind: 'missing', problem } : { ...form, problem: `${problem}; ${form.problem}` };
  };
  if (!names.includes('config.json')) return absent(`${folder} has no config.json`);
  const weights = names.filter((name) => name.endsWith('.safetensors'));
  if (weights.length === 0) return absent(`${folder} has no .safetensors file`);
  for (const name of ['config.json', ...new Set([...weights, ...(await indexed(folder))])]) {
    const file = await stat(join(folder, name)).catch(ifCode(null, 'ENOENT', 'ELOOP', 'ENOTDIR'));
    if (file === null) return { kind: 'missing', problem: `${join(folder, name)} is missing` };
    if (file.size === 0) return { kind: 'missing', problem: `${join(folder, name)} is empty` };
  }
  return null;
}

/** The shards that the index names. An unreadable index names none, and is checked before the weights are used. */
async function indexed(folder: string): Promise<readonly string[]> {
  const path = join(folder, indexFile);
  const { size } = await stat(path).catch(() => ({ size: 0 }));
  return size <= smallJson ? parseShardNames(path) : runTask('shardNames', path, null);
}

/** The commit at which a run's base model was first found, else what the config asks for (null means the newest). */
export function baseRevision(model: NonNullable<Run['model']>, journal: readonly JournalLine[]): string | null {
  const fetched = journal.findLast((line) => line.event === 'fetched');
  return fetched?.event === 'fetched' && fetched.revision !== null ? fetched.revision : model.revision;
}

/** Where a run's base model is now: as at acceptance, or by name at one commit if it was fetched later. */
export async function findBaseModel(
  { model }: Pick<Run, 'model'>,
  journal: readonly JournalLine[],
  root: string,
): Promise<FoundModel | null> {
  if (model === null) return null;
  if (model.folder !== null) return { found: true, folder: model.folder, revision: model.revision };
  return resolveModel(model.source, baseRevision(model, journal), root);
}
