import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DamagedFile } from '../../core/errors.ts';
import { baseReaders, type Manifests } from '../../core/run/custody.ts';
import type { RunState } from '../../core/run/due.ts';
import { type Lineage, lineageOf } from '../../core/run/lineage.ts';
import type { JournalLine, Manifest, Run } from '../../events/run.ts';
import { type StageName, stageFolder, stageNames } from '../../events/stages.ts';
import { inParallel } from '../disk/in-parallel.ts';
import { inSlices } from '../disk/in-slices.ts';
import { isPutAway } from './forgotten.ts';
import { type Journals, openJournals } from './journals.ts';
import { committedStages, planGone, readManifest, readRunNow, runFolders } from './run-folder.ts';

/** A run and its folder. */
export interface StoredRun {
  readonly run: Run;
  readonly folder: string;
}

/** A folder below artifacts/ that looks like a run's, but is ignored. */
export type LeftOut =
  /** Its plan or its journal cannot be read. `run` and `phase` are the names of the folders. */
  | {
      readonly kind: 'damaged';
      readonly folder: string;
      readonly run: string;
      readonly phase: string;
      readonly why: string;
    }
  /** It has the plan of `run`, whose folder has another name: it was copied or renamed. */
  | { readonly kind: 'copy'; readonly folder: string; readonly run: string };

/** All runs of a workspace. Plans never change, so they are read once. What is committed is read each time. */
export interface RunStore {
  /**
   * Looks for run folders that appeared or disappeared since the last call. Returns the runs whose folder is gone, but
   * not those that were put away with their phase.
   */
  refresh(): Promise<readonly StoredRun[]>;
  /** Ignored folders, as of the last `refresh`. */
  leftOut(): readonly LeftOut[];
  /** Adds runs that were just accepted: their folders are on the disk. */
  add(runs: readonly Run[]): void;
  /** In order of acceptance. */
  all(): readonly StoredRun[];
  get(run: string): StoredRun | undefined;
  state(stored: StoredRun): Promise<RunState>;
  /** Kept in memory until the run has its row: only the owner of the workspace writes journals. */
  journal(stored: StoredRun): Promise<readonly JournalLine[]>;
  /** What was doubtful after acceptance. */
  laterWarnings(stored: StoredRun): Promise<readonly string[]>;
  /** Whether the run has done nothing yet. */
  isUntouched(stored: StoredRun): Promise<boolean>;
  append(stored: StoredRun, line: JournalLine): Promise<void>;
  close(): Promise<void>;
  /** The runs whose folders have (or will have) what this one reads: itself and those that it comes from. */
  lineage(stored: StoredRun): Lineage<StoredRun>;
  /** A committed stage of the run or of those it comes from, or null. */
  committed(
    stored: StoredRun,
    stage: StageName,
  ): Promise<{ readonly folder: string; readonly manifest: Manifest } | null>;
}

/** Opens artifacts/. Call `refresh` before use. */
export function openRunStore(artifacts: string): RunStore {
  const byName = new Map<string, StoredRun>();
  let ordered: readonly StoredRun[] = [];
  const [journals, share] = [openJournals(), openShare()];
  const take = (stored: StoredRun): void => void byName.set(stored.run.run, stored);
  const drop = ({ folder, run }: StoredRun): void => {
    byName.delete(run.run);
    journals.forget(folder);
  };
  let left: LeftOut[] = [];
  const order = (): void => {
    ordered = [...byName.values()].sort((a, b) => a.run.number - b.run.number);
  };
  const lineage = (stored: StoredRun): Lineage<StoredRun> => storedLineage(byName, stored);
  return {
    async refresh() {
      // From before the listing: a run that is accepted meanwhile is not in the list, but is not gone either.
      const before = [...byName.values()];
      const there = new Set(await runFolders(artifacts));
      const known = new Set([...byName.values()].map(({ folder }) => folder));
      const fresh = [...there].filter((folder) => !known.has(folder));
      left = [];
      for (const found of await inSlices(fresh, (folder) => readFolder(folder, journals, share))) {
        if (found === null) continue;
        if ('kind' in found) left.push(found);
        else take(found);
      }
      const gone = before.filter(({ folder }) => !there.has(folder));
      for (const stored of gone) drop(stored);
      order();
      return notPutAway(artifacts, gone);
    },
    leftOut: () => left,
    add(runs) {
      for (const run of runs) {
        const known = byName.get(run.run);
        // Its folder was removed and made again since `refresh`: the journal in memory is that of the earlier run.
        if (known !== undefined && known.run.accepted !== run.accepted) drop(known);
        take({ run, folder: join(artifacts, run.phase, run.run) });
      }
      order();
    },
    all: () => ordered,
    get: (run) => byName.get(run),
    async state(stored) {
      const [lines, committed] = await Promise.all([journals.read(stored.folder), committedStages(stored.folder)]);
      return { run: stored.run, journal: lines, committed };
    },
    journal: ({ folder }) => journals.read(folder),
    isUntouched: ({ folder }) => journals.isUntouched(folder),
    laterWarnings: ({ folder }) => journals.warnings(folder),
    append: async (stored, line) => journals.append(folderOf(stored, byName), line),
    close: journals.close,
    lineage,
    async committed(stored, stage) {
      const owner = lineage(stored).made(stage);
      const manifest = owner === undefined ? null : await readManifest(owner.folder, stage);
      if (owner === undefined || manifest === null) return null;
      return { folder: join(owner.folder, stageFolder(stage)), manifest };
    },
  };
}

async function notPutAway(artifacts: string, gone: readonly StoredRun[]): Promise<StoredRun[]> {
  const away = await inParallel(gone, ({ run }) => isPutAway(artifacts, run));
  return gone.filter((_, index) => away[index] !== true);
}

/** Throws if a corrected config has replaced the run: what was found out about the old one is not true of the new one. */
function folderOf({ run, folder }: StoredRun, runs: ReadonlyMap<string, StoredRun>): string {
  const known = runs.get(run.run);
  if (known !== undefined && known.run.accepted !== run.accepted) throw new Error(`${run.run} was replaced`);
  return folder;
}

/** Seeds have the same settings and defaults, which are half of the memory of ten thousand plans. */
function openShare(): (run: Run) => Run {
  const known = new Map<string, Pick<Run, 'settings' | 'train_defaults'>>();
  return (run) => {
    const { settings, train_defaults } = run;
    const own = { settings, ...(train_defaults && { train_defaults }) };
    const key = JSON.stringify(own);
    const same = known.get(key) ?? own;
    known.set(key, same);
    return { ...run, ...same };
  };
}

const storedLineage = (runs: ReadonlyMap<string, StoredRun>, stored: StoredRun): Lineage<StoredRun> =>
  lineageOf(stored.run, {
    find: (run) => runs.get(run)?.run,
    at: (maker) => (maker === stored.run ? stored : runs.get(maker.run)),
  });

/** @returns The run in a folder, or null if the folder has none. */
function readFolder(folder: string, journals: Journals, share: (run: Run) => Run): StoredRun | LeftOut | null {
  const [name, phase] = [basename(folder), basename(dirname(folder))];
  try {
    const run = readRunNow(folder);
    // A run's folder appears with its plan and its journal at once.
    if (run === null && existsSync(join(folder, 'journal.jsonl'))) throw planGone(folder);
    if (run === null) return null;
    if (run.run !== name || run.phase !== phase) return { kind: 'copy', folder, run: run.run };
    journals.look(folder);
    return { run: share(run), folder };
  } catch (error) {
    if (!(error instanceof DamagedFile)) throw error;
    return { kind: 'damaged', folder, run: name, phase, why: error.message };
  }
}

/** The manifests that a run committed or inherits. `damaged` is called for an unreadable one, and throws by default. */
export async function manifestsOf(
  runStore: RunStore,
  stored: StoredRun,
  damaged: (stage: StageName, error: DamagedFile) => void = (_stage, error) => {
    throw error;
  },
): Promise<Manifests> {
  const found: Partial<Record<StageName, Manifest>> = {};
  for (const stage of stageNames) {
    try {
      const committed = await runStore.committed(stored, stage);
      if (committed !== null) found[stage] = committed.manifest;
    } catch (error) {
      if (!(error instanceof DamagedFile)) throw error;
      damaged(stage, error);
    }
  }
  return found;
}

/** Hashes of the base model as recorded by the stages that read it, the earliest first. */
export async function notedBases(runStore: RunStore, stored: StoredRun): Promise<string[]> {
  const hashes: string[] = [];
  for (const stage of baseReaders) {
    const hash = (await runStore.committed(stored, stage))?.manifest.inputs.base;
    if (hash !== undefined) hashes.push(hash);
  }
  return hashes;
}

/** artifacts/base: the scores of base models, shared by all runs. */
export const sharedFolder = (artifacts: string, key: string): string => join(artifacts, 'base', key);
