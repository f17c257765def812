import { mkdir, open, rename, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { holdsSecrets } from '../../core/secrets.ts';
import { type JournalLine, type PhaseRecord, phaseRecord, type Run } from '../../events/run.ts';
import { ifCode, listNames, privateMode, readTextNow, sync, useFile } from '../disk/files.ts';
import { inParallel } from '../disk/in-parallel.ts';
import { inSlices } from '../disk/in-slices.ts';
import { removeInside } from '../disk/inside.ts';
import { ifDamaged, readOwn } from '../disk/own-file.ts';
import { forgottenFolder, putAwayFolders, putAwayNames } from './forgotten.ts';
import { runFolders } from './run-folder.ts';

/** The calls that decide what a crash leaves. A parameter, so that a test can crash between any two of them. */
export interface StoreFs {
  remove(path: string): Promise<void>;
  makeFolder(path: string): Promise<void>;
  /** Written and synced. `mode` is that of the file, also if it existed. If absent, the system chooses it. */
  write(path: string, text: string, mode?: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  syncFolder(path: string): Promise<void>;
}

export const diskStore: StoreFs = {
  remove: (path) => removeInside(dirname(path), basename(path)),
  async makeFolder(path) {
    await mkdir(path, { recursive: true });
  },
  write: (path, text, mode) =>
    useFile(open(path, 'w', mode), async (file) => {
      if (mode !== undefined) await file.chmod(mode);
      await file.writeFile(text);
      await file.sync();
    }),
  rename,
  syncFolder: sync,
};

/** The mode of a file with this `env`. */
const modeFor = (env: unknown): number | undefined => (holdsSecrets(env) ? privateMode : undefined);

/** The folder below artifacts/ of this phase name. Names that differ only in case are one. */
export async function phaseFolder(artifacts: string, phase: string): Promise<string | null> {
  const names = await listNames(artifacts);
  const same = names.filter((name) => name.toLowerCase() === phase.toLowerCase());
  const name = same.includes(phase) ? phase : same[0];
  return name === undefined ? null : join(artifacts, name);
}

const recordRemedy =
  'Restore it from a backup, or use another phase name: the rows of its runs are kept in results.jsonl.';

/** What was accepted under this name, or null (a crash may still have left run folders). Throws DamagedFile. */
export async function readPhaseRecord(folder: string): Promise<PhaseRecord | null> {
  return readOwn(phaseRecord, { path: join(folder, 'phase.json'), remedy: recordRemedy });
}

/** Doubtful settings in a phase's file when it was accepted. */
export async function acceptanceWarnings(artifacts: string, phase: string): Promise<readonly string[]> {
  return (await readPhaseRecord(join(artifacts, phase)))?.warnings ?? [];
}

/** Makes a run's folder appear by one rename, with run.json and journal, synced. `syncPhase` comes after. */
export async function writeRun(folder: string, run: Run, fs: StoreFs = diskStore): Promise<void> {
  const building = join(folder, `.${run.run}.new`);
  await fs.remove(building);
  await fs.makeFolder(building);
  const accepted: JournalLine = { event: 'accepted', at: run.accepted, file: run.file };
  await Promise.all([
    fs.write(join(building, 'run.json'), `${JSON.stringify(run, null, 2)}\n`, modeFor(run.env)),
    fs.write(join(building, 'journal.jsonl'), `${JSON.stringify(accepted)}\n`),
  ]);
  await fs.syncFolder(building);
  await fs.rename(building, join(folder, run.run));
}

/** Makes the new folders below artifacts/<phase>/ survive a power cut, once for all runs of a config. */
export async function syncPhase(folder: string, fs: StoreFs = diskStore): Promise<void> {
  await Promise.all([fs.syncFolder(folder), fs.syncFolder(dirname(folder))]);
}

/** Writes phase.json as a whole, which completes the acceptance. */
export async function writePhaseRecord(folder: string, record: PhaseRecord, fs: StoreFs = diskStore): Promise<void> {
  const temporary = join(folder, '.phase.json.tmp');
  await fs.write(temporary, `${JSON.stringify(record, null, 2)}\n`, modeFor(record.config.env));
  await fs.rename(temporary, join(folder, 'phase.json'));
  await fs.syncFolder(folder);
}

/** Puts the folder of a phase away, by one rename. Returns where it is now. */
export async function putAwayPhase(artifacts: string, phase: string, fs: StoreFs = diskStore): Promise<string> {
  const own = join(forgottenFolder(artifacts), phase);
  await fs.makeFolder(own);
  const last = (await putAwayFolders(artifacts, phase)).at(-1);
  const target = join(own, String(last === undefined ? 1 : Number(basename(last)) + 1));
  await fs.rename(join(artifacts, phase), target);
  for (const folder of [own, dirname(own), artifacts]) await fs.syncFolder(folder);
  return target;
}

/** Brings back what `putAwayPhase` made `folder` of. Nothing else may have the name. */
export async function bringPhaseBack(artifacts: string, folder: string): Promise<void> {
  const own = dirname(folder);
  await rename(folder, join(artifacts, basename(own)));
  for (const changed of [own, artifacts]) await sync(changed);
  await rmdir(own).catch(ifCode(undefined, 'ENOTEMPTY', 'EEXIST')); // it has others that were put away before
}

export type Numbers = ReturnType<typeof acceptanceNumbers>;

/**
 * Assigns acceptance numbers, 1 + the highest. Without `known`, the highest so far, the run folders are read once. Runs
 * that were put away keep their numbers, since they may come back.
 */
export function acceptanceNumbers(artifacts: string, known: number | null = null) {
  let [highest, seen] = [known, false];
  return {
    async next(): Promise<number> {
      if (!seen) highest = Math.max(highest ?? (await highestNumber(artifacts)), await highestPutAway(artifacts));
      seen = true;
      highest = (highest ?? 0) + 1;
      return highest;
    },
    /** After a failed write, the disk is read again, so that no number is given twice and none is lost. */
    forget(): void {
      [highest, seen] = [null, false];
    },
  };
}

/** Not parsed: a plan that is damaged elsewhere still has its number, and must not stop new runs. */
function numberNow(folder: string): number {
  try {
    return Number(/^ {2}"number": (\d+)/m.exec(readTextNow(join(folder, 'run.json')) ?? '')?.[1] ?? 0);
  } catch (error) {
    return ifDamaged(0)(error);
  }
}

async function highestPutAway(artifacts: string): Promise<number> {
  const numbers = await inParallel(await putAwayNames(artifacts), (name) =>
    highestNumber(join(forgottenFolder(artifacts), name)),
  );
  return Math.max(0, ...numbers);
}

async function highestNumber(artifacts: string): Promise<number> {
  const numbers = await inSlices(await runFolders(artifacts), numberNow);
  return numbers.reduce((highest, number) => Math.max(highest, number), 0);
}
