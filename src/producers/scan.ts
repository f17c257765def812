import { dirname, join } from 'node:path';
import { type LeftAlone, leftAloneTexts } from '../core/config/inbox-names.ts';
import { printable } from '../core/printable.ts';
import type { Submission } from '../events/request.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import type { Acceptance, ConfigFile } from './accept.ts';
import {
  type InboxResult,
  type Intake,
  intakeFolders,
  noteSeen,
  openIntake,
  type Taken,
  takeClaimed,
  takeKept,
  takeSettled,
} from './intake.ts';
import { keptFiles } from './kept-files.ts';
import { look, lookAtTaken } from './look.ts';
import { type Sightings, watchSightings } from './sightings.ts';
import type { Preparation } from './submission.ts';

export interface InboxLog {
  info(text: string): void;
  warn(text: string): void;
}

export interface InboxOptions {
  readonly workspace: Pick<Workspace, 'inbox' | 'state' | 'artifacts'>;
  /** Throws only for what is not the file's fault (the disk): then the file is tried again at the next scan. */
  readonly accept: (file: ConfigFile) => Promise<Acceptance>;
  /** Reads the files of a submission, and those that were submitted before and are not accepted yet. */
  readonly prepare: (submission: Submission) => Promise<Preparation[]>;
  readonly log: InboxLog;
  readonly onOutcome?: (outcome: InboxResult) => void;
  /** What a person should know of the inbox itself; the log has it too. */
  readonly onNotice?: (text: string) => void;
  /** ms between scans, 2000 unless told. */
  readonly scanEvery?: number;
}

/** What a scan works with. `open`: the folders are there; `leftOver`: claimed by an `up` before, not yet tried (null: not looked). */
export interface Scan {
  readonly intake: Intake;
  readonly prepare: InboxOptions['prepare'];
  /** For the log and the person who watches. */
  readonly notice: (text: string) => void;
  readonly dropped: Sightings;
  readonly claimed: Sightings;
  readonly namedFolders: Set<string>;
  /** Names of ignored files that were reported: each is reported once. */
  readonly namedFiles: Set<string>;
  /** Files in .claimed/ that met a fault of the disk -> when they are tried again. */
  readonly resting: Map<string, number>;
  readonly said: Set<string>;
  readonly scanEvery: number;
  open: boolean;
  claimedWait: boolean;
  leftOver: ReadonlySet<string> | null;
  closed: boolean;
}

/** A scan of this inbox that has not begun. */
export function newScan(options: InboxOptions): Scan {
  const { workspace, accept, prepare, log, onOutcome, onNotice, scanEvery = 2000 } = options;
  const folders = intakeFolders(workspace.inbox);
  const tell = (outcome: InboxResult): void => {
    say(log, outcome);
    onOutcome?.(outcome);
  };
  return {
    intake: { ...folders, state: workspace.state, accept, onOutcome: tell, warn: (text) => log.warn(text) },
    prepare,
    notice(text) {
      log.warn(text);
      onNotice?.(text);
    },
    dropped: watchSightings(folders.inbox, look),
    claimed: watchSightings(folders.claimed, lookAtTaken),
    namedFolders: new Set(),
    namedFiles: new Set(),
    resting: new Map(),
    said: new Set(),
    scanEvery,
    open: false,
    claimedWait: true,
    leftOver: null,
    closed: false,
  };
}

/** ms until the next scan: at the latest after `scanEvery`, earlier when a file may have settled by then. */
export function nextScan({ dropped, claimed, scanEvery }: Scan): number {
  return Math.min(scanEvery, dropped.nextLook() ?? scanEvery, claimed.nextLook() ?? scanEvery);
}

/** One scan. Returns how many files still wait (1 at least when it failed). */
export async function scanOnce(scan: Scan): Promise<number> {
  try {
    if (!scan.open) await openScan(scan);
    if (scan.claimedWait) await scanClaimed(scan);
    if (scan.leftOver !== null && scan.leftOver.size > 0) return scan.leftOver.size;
    await scanKept(scan);
    await scanDropped(scan);
    return scan.dropped.count() + (scan.claimedWait ? 1 : 0) + (await keptFiles(scan.intake.claimed)).length;
  } catch (error) {
    scan.open = false;
    once(scan, `the inbox cannot be read: ${String(error)}. Tried again every ${scan.scanEvery} ms`);
    return 1;
  }
}

export async function openScan(scan: Scan): Promise<void> {
  await openIntake(scan.intake);
  const { found } = await lookAtTaken(scan.intake.claimed);
  scan.leftOver ??= new Set(found.map(({ name }) => name));
  scan.claimedWait = true;
  scan.open = true;
}

export async function scanClaimed(scan: Scan): Promise<void> {
  const { claimed, intake, resting } = scan;
  const { free } = await claimed.look();
  for (const sighting of free) {
    if (scan.closed) return;
    if (isResting(scan, sighting.name) || !(await claimed.confirm(sighting))) continue;
    await attempt(scan, { name: sighting.name, path: sighting.name }, () => takeClaimed(intake, sighting));
  }
  const { found } = await lookAtTaken(intake.claimed);
  scan.claimedWait = found.length > 0;
  const untried = found.map(({ name }) => name).filter((name) => scan.leftOver?.has(name) && !resting.has(name));
  scan.leftOver = new Set(untried);
}

/** What came of an attempt to take a file. `fault`: the disk or the environment failed, and it is tried again. */
export type Attempted = Taken | { readonly kind: 'fault'; readonly why: string };

/**
 * Takes what was submitted, in its order. A file may refer to those before it, so it waits for one that met a fault.
 * Returns what came of each file that was tried, by its path.
 */
export async function scanKept(scan: Scan): Promise<ReadonlyMap<string, Attempted>> {
  const tried = new Map<string, Attempted>();
  let waits: string | null = null;
  for (const file of await keptFiles(scan.intake.claimed)) {
    if (scan.closed) break;
    if (dirname(file.path) === waits) continue;
    const attempted = isResting(scan, file.path) ? null : await attempt(scan, file, () => takeKept(scan.intake, file));
    if (attempted === null || attempted.kind === 'fault') waits = dirname(file.path);
    if (attempted !== null) tried.set(file.path, attempted);
  }
  return tried;
}

async function scanDropped(scan: Scan): Promise<void> {
  const { dropped, intake } = scan;
  const { free, fresh, folders, left } = await dropped.look();
  for (const sighting of fresh) await noteSeen(intake, sighting);
  nameFolders(scan, folders);
  nameFiles(scan, left);
  for (const sighting of free) {
    const { name } = sighting;
    if (isResting(scan, name)) continue;
    // What changed after all keeps its place: those behind it wait for the next scan.
    if (scan.closed || !(await dropped.confirm(sighting))) return;
    const { kind } = await attempt(scan, { name, path: name }, () => takeSettled(intake, sighting));
    if (kind !== 'fault') dropped.forget(name);
  }
}

/** A file's own trouble never stops the others. `path`: what it rests under. */
async function attempt(
  scan: Scan,
  { name, path }: { readonly name: string; readonly path: string },
  take: () => Promise<Taken>,
): Promise<Attempted> {
  try {
    const taken = await take();
    if (taken.kind === 'changed') scan.claimedWait = true;
    else scan.resting.delete(path);
    return taken;
  } catch (error) {
    scan.resting.set(path, performance.now() + scan.scanEvery);
    scan.claimedWait = true;
    scan.open = false;
    once(scan, `${printable(name)} could not be taken in: ${String(error)}. It stays in the inbox and is tried again`);
    return { kind: 'fault', why: error instanceof Error ? error.message : String(error) };
  }
}

function isResting({ resting }: Scan, name: string): boolean {
  return (resting.get(name) ?? 0) > performance.now();
}

function nameFolders({ namedFolders, notice, intake }: Scan, folders: readonly string[]): void {
  for (const name of folders) {
    if (namedFolders.has(name)) continue;
    const path = printable(join(intake.inbox, name));
    notice(`${path} is a folder and is left alone: copy config files into the inbox itself`);
  }
  namedFolders.clear();
  for (const name of folders) namedFolders.add(name);
}

/** Once for each name and not again when it is back: a program may write the same temporary file at every save. */
function nameFiles({ namedFiles, notice }: Scan, left: readonly LeftAlone[]): void {
  for (const text of leftAloneTexts(left.filter(({ name }) => !namedFiles.has(name)))) notice(text);
  for (const { name } of left) namedFiles.add(name);
}

function say(log: InboxLog, outcome: InboxResult): void {
  if (outcome.kind === 'rejected') {
    log.warn(`${printable(outcome.file)} rejected:\n${outcome.reasons.trimEnd()}`);
    return;
  }
  const file = printable(outcome.file);
  log.info(`${file} accepted: ${outcome.acceptance.summary}`);
  for (const warning of outcome.acceptance.warnings) log.warn(`${file}: ${warning}`);
}

/** The same trouble every two seconds is one line. */
export function once(scan: Scan, text: string): void {
  if (scan.said.has(text)) return;
  scan.said.add(text);
  scan.notice(text);
}
