import { join } from 'node:path';
import { leftAloneTexts } from '../core/config/inbox-names.ts';
import { messageOf } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import type { Submission } from '../events/request.ts';
import { hasCode } from '../io/disk/files.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import type { Acceptance, ConfigFile } from './accept.ts';
import { changed, holds, type InboxFile, nextLookAt, observe, type Place, takeable } from './inbox-file.ts';
import {
  acceptClaimed,
  claimFile,
  type InboxResult,
  type Intake,
  intakeFolders,
  neverOpened,
  noteSeen,
  openIntake,
  refuse,
  type Taken,
} from './intake.ts';
import { leaveFolder } from './kept-files.ts';
import { look, lookAt, lookAtKept, lookAtTaken, readContent } from './look.ts';
import type { Preparation } from './submission.ts';

export interface InboxLog {
  info(text: string): void;
  warn(text: string): void;
}

export interface InboxOptions {
  readonly workspace: Pick<Workspace, 'inbox' | 'state' | 'artifacts'>;
  /** Only throws errors that are not the file's fault (the disk). Then the file is tried again at a later scan. */
  readonly accept: (file: ConfigFile) => Promise<Acceptance>;
  /** Reads the files of a submission, and those that were submitted before and are not accepted yet. */
  readonly prepare: (submission: Submission) => Promise<Preparation[]>;
  readonly log: InboxLog;
  readonly onOutcome?: (outcome: InboxResult) => void;
  /** Receives what a person should know about the inbox itself. The log has it too. */
  readonly onNotice?: (text: string) => void;
  /** ms between scans, 2000 unless set. */
  readonly scanEvery?: number;
}

/** An inbox with what is known of its files. */
export interface Scan {
  readonly intake: Intake;
  readonly prepare: InboxOptions['prepare'];
  /** For the log and the person who watches. */
  readonly notice: (text: string) => void;
  readonly scanEvery: number;
  /** By path. `left` means that it was reported, and stays where it is. */
  readonly files: Map<string, InboxFile | 'left'>;
  lastLook: number;
  /** False until the folders were made, and after an error, which may mean that they were deleted. */
  open: boolean;
  /** Why the last scan failed, which is reported once. Null if it worked. */
  trouble: string | null;
  closed: boolean;
}

/** A scan of this inbox that has not begun. */
export function newScan(options: InboxOptions): Scan {
  const { workspace, accept, prepare, log, onOutcome, onNotice, scanEvery = 2000 } = options;
  const tell = (outcome: InboxResult): void => {
    say(log, outcome);
    onOutcome?.(outcome);
  };
  const { state } = workspace;
  const warn = (text: string): void => log.warn(text);
  return {
    intake: { ...intakeFolders(workspace.inbox), state, accept, onOutcome: tell, warn },
    prepare,
    notice(text) {
      log.warn(text);
      onNotice?.(text);
    },
    scanEvery,
    files: new Map(),
    lastLook: 0,
    open: false,
    trouble: null,
    closed: false,
  };
}

/** Files that will be accepted or rejected. */
export const waitingFiles = ({ files }: Scan): InboxFile[] => [...files.values()].filter((file) => file !== 'left');

/** ms until the next scan: at most `scanEvery`, or less if a file can be taken earlier. */
export function nextScan(scan: Scan): number {
  const at = nextLookAt(waitingFiles(scan), scan.lastLook);
  // Rounded up: a timer that fires early would find nothing settled.
  return at === null ? scan.scanEvery : Math.min(scan.scanEvery, Math.max(0, Math.ceil(at - performance.now())));
}

/** The result of taking a file. `fault`: the disk or the environment failed, and it is tried again. */
export type Attempted = Taken | { readonly kind: 'fault'; readonly why: string };

/** One scan of the inbox. Returns how many files still wait (at least 1 if it failed). */
export async function scanOnce(scan: Scan): Promise<number> {
  try {
    await openScan(scan);
    await scanPlaces(scan, ['claimed', 'kept', 'inbox'], () => undefined);
    scan.trouble = null;
    return waitingFiles(scan).length;
  } catch (error) {
    const text = `the inbox cannot be read: ${String(error)}. Tried again every ${scan.scanEvery} ms`;
    if (scan.trouble !== text) scan.notice(text);
    scan.trouble = text;
    scan.open = false;
    return 1;
  }
}

/** Makes missing folders, and repairs what a crash left. */
export async function openScan(scan: Scan): Promise<void> {
  if (!scan.open) await openIntake(scan.intake);
  scan.open = true;
}

/** Looks at these places and takes what can be taken. `tried` is called for each file. Throws errors of the disk. */
export async function scanPlaces(
  scan: Scan,
  places: readonly Place[],
  tried: (file: InboxFile, attempted: Attempted) => void,
): Promise<void> {
  // Measured before the look: a file only counts as quiet for the time between two looks.
  scan.lastLook = performance.now();
  for (const place of places) await lookAtPlace(scan, place);
  const here = waitingFiles(scan).filter(({ place }) => places.includes(place));
  for (const file of takeable(here, scan.lastLook)) {
    if (scan.closed) return;
    // A file before it may just have met an error.
    if (file.place === 'kept' && waitsForFault(scan, file)) continue;
    if (file.place !== 'kept' && !(await isSame(file))) {
      scan.files.set(file.path, changed(file, performance.now()));
      // A file that changed after all keeps its place: those after it wait for the next scan.
      if (file.place === 'inbox') return;
    } else tried(file, await take(scan, file));
  }
}

const waitsForFault = (scan: Scan, file: InboxFile): boolean =>
  waitingFiles(scan).some((one) => one.fault !== null && one.path < file.path && holds(one, file, 0));

const looks = { claimed: lookAtTaken, kept: lookAtKept, inbox: look } as const;

async function lookAtPlace(scan: Scan, place: Place): Promise<void> {
  const { files, intake, notice } = scan;
  const folder = place === 'inbox' ? intake.inbox : intake.claimed;
  const { found, folders, left } = await looks[place](folder);
  const paths = new Set(found.map(({ path }) => path));
  for (const [path, file] of files) if (file !== 'left' && file.place === place && !paths.has(path)) files.delete(path);
  for (const one of found) {
    const before = files.get(one.path);
    const known = before === 'left' ? undefined : before;
    const file = await readOnce(observe(known, one, { place, now: performance.now() }));
    if (known === undefined && place === 'inbox') await noteSeen(intake, file);
    files.set(one.path, file);
  }
  if (place !== 'inbox') return;
  // Each name once, also when it returns: a program may write the same temporary file at every save.
  const isNew = (name: string): boolean => files.get(join(folder, name)) !== 'left';
  for (const name of folders.filter(isNew))
    notice(`${printable(join(folder, name))} is a folder and is ignored: copy config files into the inbox itself`);
  for (const text of leftAloneTexts(left.filter(({ name }) => isNew(name)))) notice(text);
  for (const name of [...folders, ...left.map((one) => one.name)]) files.set(join(folder, name), 'left');
}

/** The first reading of a file: its hash, whether it parses, or that it cannot be read (tried again each time). */
async function readOnce(file: InboxFile): Promise<InboxFile> {
  const { kind, size, digest, place } = file;
  if ((kind !== 'file' && kind !== 'unreadable') || size === 0 || digest !== null || place === 'kept') return file;
  try {
    const content = await readContent(file.path);
    return { ...file, kind: 'file', digest: content.digest, parses: await content.parses() };
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return file;
    return { ...file, kind: 'unreadable', problem: `not readable: ${String(error)}` };
  }
}

/** Reads a second time: whether it is unchanged. */
async function isSame(file: InboxFile): Promise<boolean> {
  const found = await lookAt(file.path, file.name);
  if (found?.signature !== file.signature) return false;
  if (file.kind !== 'file' || file.size === 0) return true;
  return (await readContent(file.path)).digest === file.digest;
}

/** Finishes a file, or records the error that keeps it where it is. Errors of a file never stop the others. */
async function take(scan: Scan, file: InboxFile): Promise<Attempted> {
  const { files, intake } = scan;
  let now = file;
  try {
    const taken = await takeFrom(intake, file, (claimed) => {
      files.delete(file.path);
      now = claimed;
    });
    if (taken.kind === 'changed') files.set(now.path, changed(now, performance.now()));
    else files.delete(now.path);
    return taken;
  } catch (error) {
    const why = messageOf(error);
    if (why !== file.fault?.why)
      scan.notice(`${printable(file.name)} could not be taken: ${why}. It stays in the inbox and is tried again`);
    files.set(now.path, { ...now, fault: { why, until: performance.now() + scan.scanEvery } });
    scan.open = false;
    return { kind: 'fault', why };
  }
}

async function takeFrom(intake: Intake, file: InboxFile, onClaim: (claimed: InboxFile) => void): Promise<Taken> {
  const problem = neverOpened(file);
  if (problem !== null || file.place !== 'inbox') {
    const taken = problem === null ? await acceptClaimed(intake, file) : await refuse(intake, file, problem);
    if (file.place === 'kept') await leaveFolder(file);
    return taken;
  }
  const claimed = await claimFile(intake, file);
  if (claimed === null) return { kind: 'gone' };
  onClaim(claimed.file);
  // In parallel: a journal line must not delay the first tool.
  const [taken] = await Promise.all([acceptClaimed(intake, claimed.file), claimed.noted]);
  return taken;
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
