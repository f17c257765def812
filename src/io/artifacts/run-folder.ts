import { existsSync } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DamagedFile } from '../../core/errors.ts';
import { type JournalLine, journalLine, type Manifest, manifest, type Run, run as runPlan } from '../../events/run.ts';
import { type StageName, stageFolder, stageNames } from '../../events/stages.ts';
import { ifAbsent, listNames, readText, readTextNow } from '../disk/files.ts';
import { inParallel } from '../disk/in-parallel.ts';
import { type OwnFile, parseOwn, readOwn, withRemedy } from '../disk/own-file.ts';

/** Decisions must be on the disk before anything acts on them. The other lines are history. */
const decisions: ReadonlySet<JournalLine['event']> = new Set([
  'accepted',
  'fetched',
  'rehearsed',
  'started',
  'failed',
  'source_failed',
  'cancelled',
  'retried',
  'row',
]);

/** The plan of a run. Null if the folder has none (it is being made, or is not a run). Throws DamagedFile. */
export const readRun = async (folder: string): Promise<Run | null> => readOwn(runPlan, planFile(folder));

/** The same in one synchronous step, for `inSlices`. */
export function readRunNow(folder: string): Run | null {
  const text = readTextNow(planFile(folder).path);
  return text === null ? null : parseOwn(text, runPlan, planFile(folder));
}

const planFile = (folder: string): OwnFile => ({ path: join(folder, 'run.json'), remedy: planRemedy });

/** Stages with a folder of their own, and so with a manifest. */
export async function committedStages(folder: string): Promise<ReadonlySet<StageName>> {
  const names = new Set(await listNames(folder));
  // A stage's folder appears by rename with its manifest inside, so its name is sufficient proof.
  return new Set(stageNames.filter((stage) => names.has(stageFolder(stage))));
}

/** The journal's lines. A line that a crash tore (only the last one can be) is not counted. Throws DamagedFile. */
export async function readJournal(folder: string): Promise<JournalLine[]> {
  const where = journalFile(folder);
  return parseJournal((await readText(where.path).catch(withRemedy(planRemedy))) ?? '', where);
}

/** A synchronous look. Of a `finished` run (row, no warnings), two lines are parsed. Throws DamagedFile. */
export function lookAtJournal(folder: string): JournalLine[] | 'finished' {
  const where = journalFile(folder);
  const text = readTextNow(where.path) ?? '';
  const lines = wholeLines(text);
  if (!looksFinished(lines)) return parseJournal(text, where);
  for (const line of [lines[0] ?? '', lines.at(-1) ?? '']) parseOwn(line, journalLine, where);
  return 'finished';
}

const journalFile = (folder: string): OwnFile => ({ path: join(folder, 'journal.jsonl'), remedy: planRemedy });

const wholeLines = (text: string): string[] =>
  text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '');

const parseJournal = (text: string, where: OwnFile): JournalLine[] =>
  wholeLines(text).map((line) => parseOwn(line, journalLine, where));

/** Whether every line looks like one of ours, the last is the row, and none may have warnings. */
const looksFinished = (lines: readonly string[]): boolean =>
  (lines.at(-1)?.startsWith('{"event":"row"') ?? false) &&
  lines.every((line) => line.startsWith('{"event":"') && line.endsWith('}') && !mayWarn(line));

const mayWarn = (line: string): boolean =>
  line.startsWith('{"event":"fetched"') || (line.startsWith('{"event":"rehearsed"') && line.includes('"warnings":'));

const planRemedy =
  'Restore it from a backup, or move the folder of the run away and submit its config again: other runs are not affected.';

/** The error for a run's folder without its plan. */
export const planGone = (folder: string): DamagedFile =>
  new DamagedFile(join(folder, 'run.json'), 'it is gone', { remedy: planRemedy });

/** A run's journal, open for more lines. */
export type JournalWriter = Awaited<ReturnType<typeof openJournal>>;

/** Opens the journal of a run. A last line that a crash tore is cut off. */
export async function openJournal(folder: string) {
  const handle = await open(join(folder, 'journal.jsonl'), 'a+');
  await cutTornLine(handle);
  let { size } = await handle.stat();
  return {
    /** Decisions are synced before this resolves. */
    async append(line: JournalLine): Promise<void> {
      const text = `${JSON.stringify(line)}\n`;
      try {
        await handle.appendFile(text);
      } catch (error) {
        // On a full disk, a part of it may have been written, and the next line would be appended to it.
        await handle.truncate(size);
        throw error;
      }
      size += Buffer.byteLength(text);
      if (decisions.has(line.event)) await handle.datasync();
    },
    close: () => handle.close(),
  };
}

async function cutTornLine(handle: Awaited<ReturnType<typeof open>>): Promise<void> {
  const { size } = await handle.stat();
  if (size === 0) return;
  const last = Buffer.alloc(1);
  await handle.read(last, 0, 1, size - 1);
  if (last.toString() === '\n') return;
  const text = Buffer.alloc(size);
  await handle.read(text, 0, size, 0);
  await handle.truncate(text.lastIndexOf('\n') + 1);
}

/** A stage's manifest, or null if it is not committed. Throws DamagedFile, also for a folder without a manifest. */
export async function readManifest(folder: string, stage: StageName): Promise<Manifest | null> {
  const where = manifestFile(folder, stage);
  const found = await readOwn(manifest, where);
  if (found === null && (await lstat(dirname(where.path)).catch(ifAbsent(null))) !== null) throw manifestGone(where);
  return found;
}

/** The same in one synchronous step, for `inSlices`. */
export function readManifestNow(folder: string, stage: StageName): Manifest | null {
  const where = manifestFile(folder, stage);
  const text = readTextNow(where.path);
  if (text === null && existsSync(dirname(where.path))) throw manifestGone(where);
  return text === null ? null : parseOwn(text, manifest, where);
}

const manifestGone = ({ path, remedy }: OwnFile): DamagedFile =>
  new DamagedFile(path, 'it was deleted', remedy === undefined ? undefined : { remedy });

const manifestFile = (folder: string, stage: StageName): OwnFile => ({
  path: join(folder, stageFolder(stage), 'manifest.json'),
  remedy: `Restore it, or make it again: \`phasebox retry ${basename(folder)} --stage ${stage}\`.`,
});

/** All runs below artifacts/: their folders, in no order. */
export async function runFolders(artifacts: string): Promise<string[]> {
  const phases = (await subfolders(artifacts)).filter((name) => name !== 'base');
  const nested = await inParallel(phases, async (phase) =>
    (await subfolders(join(artifacts, phase))).map((name) => join(artifacts, phase, name)),
  );
  return nested.flat();
}

/** Names of the folders in a folder, without hidden ones. */
export async function subfolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(ifAbsent([]));
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map((entry) => entry.name);
}
