import { stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Entry, FileBytes, Lookups, RowsCall } from '../../core/config/lookups.ts';
import { phaseOfRun } from '../../core/config/plan-runs.ts';
import { maxConfigBytes } from '../../core/config/read-yaml.ts';
import { CommandError, messageOf } from '../../core/errors.ts';
import { promptDate } from '../../core/score/rendering.ts';
import { phaseFolder, readPhaseRecord } from '../artifacts/phase-store.ts';
import { readRun } from '../artifacts/run-folder.ts';
import { hasCode, ifCode, listNames, openRegular, useFile } from '../disk/files.ts';
import { inParallel } from '../disk/in-parallel.ts';
import { ifDamaged } from '../disk/own-file.ts';
import { absolutePath } from '../host/home.ts';
import { readFacts } from '../model/facts.ts';
import { readModelFolder } from '../model/model-folder.ts';
import { resolveModel } from '../model/models.ts';
import { renderedFolder, renderPrompts } from '../model/render-prompts.ts';
import { inspectTensors } from '../model/tensor-file.ts';
import { contentHash } from '../thread/content-hash.ts';
import { suiteOf, yamlOf } from '../thread/off-thread.ts';
import { rowsOf } from '../thread/rows-of.ts';

export interface LookupPlaces {
  /** The workspace and its artifacts folder, as absolute paths. */
  readonly root: string;
  readonly artifacts: string;
  /** The user's Python, which is only needed if a config trains. It can be a function, since there may be none. */
  readonly python: string | (() => Promise<string>);
  /** `.phasebox` of the workspace, where rendered prompts are kept. If absent, they are read and not written. */
  readonly state?: string;
  /** If true, what only mlx_lm knows is not checked without a working Python, and the facts say so. */
  readonly pythonOptional?: boolean;
}

/** What configs may refer to, on this machine. */
export function openLookups({ root, artifacts, python, state, pythonOptional }: LookupPlaces): Lookups {
  const pythonPath = async (): Promise<string> => (typeof python === 'string' ? python : python());
  return {
    absolute: (path) => absolutePath(path, root),
    isInside: (path) => !relative(root, path).startsWith('..') && relative(root, path) !== '',
    look,
    list: listNames,
    read: readSmallFile,
    yaml: yamlOf,
    suite: suiteOf,
    facts: async () => {
      try {
        return await readFacts(await pythonPath());
      } catch (error) {
        if (pythonOptional !== true || !(error instanceof CommandError)) throw error;
        return { versions: {}, defaults: {}, unchecked: error.message };
      }
    },
    async render(jobs) {
      const date = promptDate(new Date().toISOString());
      const kept = renderedFolder(state ?? join(root, '.phasebox'));
      try {
        return await renderPrompts(jobs, { python: await pythonPath(), date, kept, keeps: state !== undefined });
      } catch (error) {
        return jobs.map(() => ({ ok: false, failed: messageOf(error) }));
      }
    },
    resolveModel: (source, revision) => resolveModel(source, revision, root),
    inspectModel: readModelFolder,
    inspectTensors,
    rows: readExamples,
    hash: hashOf,
    async phaseRecord(name) {
      if (!isName(name)) return null;
      const folder = await phaseFolder(artifacts, name);
      return folder === null ? null : readPhaseRecord(folder);
    },
    async phaseNames() {
      const names = await listNames(artifacts);
      // They are only suggested as names, so one that cannot be read is left out.
      const records = await inParallel(names.filter(isName), (name) =>
        readPhaseRecord(join(artifacts, name)).catch(ifDamaged(null)),
      );
      return records.flatMap((record) => (record === null ? [] : [record.phase]));
    },
    async runPlan(id) {
      const phase = phaseOfRun(id);
      const folder = phase === null || !isName(id) ? null : await phaseFolder(artifacts, phase);
      const name = folder === null ? undefined : (await listNames(folder)).find((one) => sameName(one, id));
      return folder === null || name === undefined ? null : readRun(join(folder, name));
    },
  };
}

const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
const isName = (name: string): boolean => !name.includes(sep) && !name.startsWith('.') && name !== '';

async function hashOf(path: string): ReturnType<Lookups['hash']> {
  try {
    return { sha256: await contentHash(path) };
  } catch (error) {
    if (!hasCode(error, ...unreadable)) throw error;
    return { message: `something in ${path} cannot be read: ${messageOf(error)}` };
  }
}

async function readExamples(call: RowsCall): ReturnType<Lookups['rows']> {
  try {
    return await rowsOf(call);
  } catch (error) {
    if (!hasCode(error, ...unreadable)) throw error;
    return { message: `the examples cannot be read: ${messageOf(error)}` };
  }
}

const unreadable = ['ENOENT', 'ENOTDIR', 'ELOOP', 'EFBIG', 'EACCES', 'EPERM'] as const;

async function look(path: string): Promise<Entry> {
  const entry = await stat(path).catch(ifCode(null, ...unreachable));
  if (entry === null) return null;
  return { kind: entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : 'other', bytes: entry.size };
}

const unreachable = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EACCES', 'EPERM', 'ERR_INVALID_ARG_VALUE'] as const;

/** A file of at most 1 MB that a person dropped or named. It never waits (fifos), and reads no larger file. */
export async function readSmallFile(path: string): Promise<FileBytes> {
  const fail = (message: string): FileBytes => ({ ok: false, message });
  try {
    return await useFile(openRegular(path), async (file) => {
      const { size } = await file.stat();
      if (size > maxConfigBytes) return fail(`${path} is too large: ${size} bytes; allowed: 1 MB`);
      return { ok: true, bytes: await file.readFile() };
    });
  } catch (error) {
    if (hasCode(error, 'EISDIR')) return fail(`${path} is a folder`);
    if (hasCode(error, 'ENXIO')) return fail(`${path} is not a regular file`);
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ERR_INVALID_ARG_VALUE')) return fail(`${path} does not exist`);
    if (hasCode(error, 'ELOOP', 'ENAMETOOLONG')) return fail(`${path} is not the path of a file`);
    if (hasCode(error, 'EACCES', 'EPERM')) return fail(`${path} may not be read (no permission)`);
    throw error;
  }
}
