import { dirname, join } from 'node:path';
import type { RunState } from '../../core/run/due.ts';
import type { JournalLine } from '../../events/journal.ts';
import type { Manifest } from '../../events/manifest.ts';
import type { Run } from '../../events/run.ts';
import { type StageName, stageFolder, stageNames } from '../../events/stages.ts';
import { openJournals } from './journals.ts';
import { committedStages, readManifest, readRun, runFolders } from './run-folder.ts';

/** A run and where it lies. */
export interface Shelved {
  readonly run: Run;
  readonly folder: string;
}

/** All runs of a workspace. Plans never change, so they are read once; what is committed is looked up each time. */
export interface Shelf {
  /** Looks for run folders that appeared since the last look. */
  refresh(): Promise<void>;
  /** Takes in runs that were accepted a moment ago: their folders are on the disk. */
  add(runs: readonly Run[]): void;
  /** In order of acceptance. */
  all(): readonly Shelved[];
  get(run: string): Shelved | undefined;
  state(shelved: Shelved): Promise<RunState>;
  /** Kept in memory: whoever owns the workspace is the only one who writes journals. */
  journal(shelved: Shelved): Promise<readonly JournalLine[]>;
  append(shelved: Shelved, line: JournalLine): Promise<void>;
  close(): Promise<void>;
  /** The run whose folder holds (or will hold) the stage that `run` reads: itself or one that it comes from. */
  home(shelved: Shelved, stage: StageName): Shelved | undefined;
  /** A committed stage of the run or of those it comes from; null when there is none. */
  committed(
    shelved: Shelved,
    stage: StageName,
  ): Promise<{ readonly folder: string; readonly manifest: Manifest } | null>;
}

/** Opens artifacts/; call `refresh` before use. */
export function openShelf(artifacts: string): Shelf {
  const byName = new Map<string, Shelved>();
  const folders = new Set<string>();
  let ordered: readonly Shelved[] = [];
  const journals = openJournals();
  const take = (shelved: Shelved): void => {
    folders.add(shelved.folder);
    byName.set(shelved.run.run, shelved);
  };
  const order = (): void => {
    ordered = [...byName.values()].sort((a, b) => a.run.number - b.run.number);
  };
  const home = (shelved: Shelved, stage: StageName): Shelved | undefined => {
    const { chain, from } = shelved.run;
    if (chain.includes(stage)) return shelved;
    // What the source did after the branching is not this run's.
    if (from === null || !('run' in from) || stageNames.indexOf(stage) > stageNames.indexOf(from.after))
      return undefined;
    const source = byName.get(from.run);
    return source === undefined ? undefined : home(source, stage);
  };
  return {
    async refresh() {
      const fresh = (await runFolders(artifacts)).filter((folder) => !folders.has(folder));
      const runs = await Promise.all(fresh.map(async (folder) => ({ folder, run: await readRun(folder) })));
      for (const { folder, run } of runs) {
        if (run === null) continue;
        take({ run, folder });
      }
      if (runs.length > 0) order();
    },
    add(runs) {
      for (const run of runs) take({ run, folder: join(artifacts, run.phase, run.run) });
      order();
    },
    all: () => ordered,
    get: (run) => byName.get(run),
    async state(shelved) {
      const [lines, committed] = await Promise.all([journals.read(shelved.folder), committedStages(shelved.folder)]);
      return { run: shelved.run, journal: lines, committed };
    },
    journal: ({ folder }) => journals.read(folder),
    append: ({ folder }, line) => journals.append(folder, line),
    close: journals.close,
    home,
    async committed(shelved, stage) {
      const owner = home(shelved, stage);
      const manifest = owner === undefined ? null : await readManifest(owner.folder, stage);
      return owner === undefined || manifest === null
        ? null
        : { folder: join(owner.folder, stageFolder(stage)), manifest };
    },
  };
}

/** artifacts/base: the scores of base models, shared by all runs. */
export const sharedFolder = (artifacts: string, key: string): string => join(artifacts, 'base', key);

/** The folder of a run's phase: artifacts/<phase>. */
export const phaseFolder = ({ folder }: Shelved): string => dirname(folder);
