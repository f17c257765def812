import { appendFile, chmod, mkdir, readdir, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { maxConfigBytes } from '../core/config/read-yaml.ts';
import { printableLines } from '../core/printable.ts';
import { appending, hasCode, ifAbsent, privateMode, readText } from '../io/disk/files.ts';
import { ifDamaged } from '../io/disk/own-file.ts';
import type { Acceptance, ConfigFile } from './accept.ts';
import { claim, finishLinks, freeName, reject } from './claim.ts';
import type { Found, InboxFile } from './inbox-file.ts';
import { isPrivate, type KeptFile, removeDrafts } from './kept-files.ts';
import { type Content, lookAt, readContent } from './look.ts';

/** The result for a file, by the name that it had in the inbox. `as` is its name in accepted/ or rejected/. */
export type InboxResult =
  | {
      readonly kind: 'accepted';
      readonly file: string;
      readonly as: string;
      readonly acceptance: Extract<Acceptance, { kind: 'accepted' }>;
    }
  | { readonly kind: 'rejected'; readonly file: string; readonly as: string; readonly reasons: string };

/** The folders of single files, and the function that accepts them. */
export interface Intake {
  readonly inbox: string;
  readonly claimed: string;
  readonly accepted: string;
  readonly rejected: string;
  /** .phasebox of the workspace, with the journal of the inbox. */
  readonly state: string;
  /** Only throws errors that are not the file's fault (the disk). Then the file stays claimed and is tried again. */
  readonly accept: (file: ConfigFile) => Promise<Acceptance>;
  readonly onOutcome: (outcome: InboxResult) => void;
  readonly warn: (text: string) => void;
}

/** `changed`: it is claimed, but still being written. `gone`: it was removed, which is not an error. */
export type Taken = InboxResult | { readonly kind: 'changed' | 'gone' };

/** The folders of an inbox. */
export function intakeFolders(inbox: string): Pick<Intake, 'inbox' | 'claimed' | 'accepted' | 'rejected'> {
  const [claimed, accepted, rejected] = [join(inbox, '.claimed'), join(inbox, 'accepted'), join(inbox, 'rejected')];
  return { inbox, claimed, accepted, rejected };
}

/** Makes the folders, and repairs what a crash left between two renames. */
export async function openIntake(intake: Intake): Promise<void> {
  const folders = [intake.state, intake.claimed, intake.accepted, intake.rejected];
  for (const folder of folders) await mkdir(folder, { recursive: true });
  await Promise.all([finishLinks(intake.claimed), removeDrafts(intake.claimed), cutTornLine(journalOf(intake))]);
  await removeTickets(intake);
}

/** Version 0.2 kept the order of submitted files in tickets. The files are in the inbox, taken like all others. */
async function removeTickets({ state, warn }: Intake): Promise<void> {
  const folder = join(state, 'tickets');
  const names = await readdir(folder).catch(ifAbsent([]));
  if (names.length > 0) warn('files submitted by an earlier version of phasebox are taken in the order of their names');
  await rm(folder, { recursive: true, force: true });
}

/** Records in the journal that a file appeared. */
export async function noteSeen(intake: Intake, { name, size }: Found): Promise<void> {
  await note(intake, { event: 'seen', file: name, bytes: size });
}

/** Takes a completely written file. Null if it was removed. `noted` resolves when the journal has it. */
export async function claimFile(
  intake: Intake,
  file: InboxFile,
): Promise<{ readonly file: InboxFile; readonly noted: Promise<void> } | null> {
  const name = await unlessGone(file.path, () => claim({ ...file, inbox: intake.inbox }, intake.claimed));
  if (name === null) return null;
  const noted = note(intake, { event: 'claimed', file: file.name, as: name });
  return { file: { ...file, place: 'claimed', name, path: join(intake.claimed, name) }, noted };
}

/** Accepts a claimed or kept file, or moves it to rejected/ with the reasons. */
export async function acceptClaimed(intake: Intake, claimed: InboxFile): Promise<Taken> {
  const { name, path } = claimed;
  const content = await unlessGone(path, () => readContent(path));
  if (content === null) return { kind: 'gone' };
  if (!isWhatWasSeen(content, claimed)) return { kind: 'changed' };
  if (await isPrivate(content.bytes, name)) await hide(intake, path);
  if (content.bytes.length === 0) return refuse(intake, claimed, `${name} is empty: 0 bytes, for at least 5 s.\n`);
  const acceptedAs = await freeName(intake.accepted, name);
  const acceptance = await intake.accept({ name, acceptedAs, bytes: content.bytes });
  if (acceptance.kind === 'rejected') return refuse(intake, claimed, acceptance.reasons);
  await rename(path, join(intake.accepted, acceptedAs));
  const outcome: InboxResult = { kind: 'accepted', file: name, as: acceptedAs, acceptance };
  intake.onOutcome(outcome);
  const runs = acceptance.newRuns.map(({ run }) => run);
  await note(intake, { event: 'accepted', file: name, as: acceptedAs, phase: acceptance.phase, runs });
  return outcome;
}

/** Others must not read the secrets of an accepted or rejected file, whatever its mode was in the inbox. */
async function hide(intake: Intake, path: string): Promise<void> {
  await chmod(path, privateMode).catch((error: unknown) => {
    // It may belong to another user, and only that user may do this.
    if (!hasCode(error, 'EPERM', 'ENOTSUP')) throw error;
    intake.warn(`${path} holds secrets and stays readable for others: ${String(error)}`);
  });
}

/** Moves a file to rejected/ with the reasons. */
export async function refuse(intake: Intake, { name: file, path }: KeptFile, why: string): Promise<Taken> {
  const reasons = printableLines(why);
  const as = await unlessGone(path, () => reject(path, intake.rejected, { name: file, reasons }));
  if (as === null) return { kind: 'gone' };
  const outcome: InboxResult = { kind: 'rejected', file, as, reasons };
  intake.onOutcome(outcome);
  await note(intake, { event: 'rejected', file, as, reasons });
  return outcome;
}

/** Why a file goes to rejected/ without being opened. A link's target is not moved. */
export function neverOpened({ name, kind, size, isLink, problem }: Found): string | null {
  if (kind !== 'file') return `${name} is not a readable config file: it is ${problem}.\n`;
  if (size <= maxConfigBytes) return null;
  return `${name} is ${isLink ? 'a link to a file' : 'a file'} of ${size} bytes; a config has at most 1 MB.\n`;
}

function isWhatWasSeen(content: Content, { place, digest, signature, isLink, size }: InboxFile): boolean {
  if (place === 'kept') return true; // no other process writes to it
  // The copy of a link's content is a file of its own.
  const same = isLink || content.signature === signature;
  return same && (size === 0 ? content.bytes.length === 0 : content.digest === digest);
}

/** Null if the file no longer exists: it was removed on purpose. */
async function unlessGone<T>(path: string, work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (hasCode(error, 'ENOENT') && (await lookAt(path, '')) === null) return null;
    throw error;
  }
}

/** A journal line that cannot be written (a full disk) must not stop the file. */
async function note(intake: Intake, line: object): Promise<void> {
  const text = `${JSON.stringify({ at: new Date().toISOString(), ...line })}\n`;
  try {
    await appendFile(journalOf(intake), text, { flag: appending });
  } catch (error) {
    intake.warn(`${journalOf(intake)} cannot be written: ${String(error)}`);
  }
}

const journalOf = ({ state }: Intake): string => join(state, 'journal.jsonl');

/** A line that a crash tore is cut off, so that the next one does not continue it. */
async function cutTornLine(path: string): Promise<void> {
  // An unreadable journal cannot be written either, which the next line reports.
  const text = await readText(path).catch(ifDamaged(null));
  if (text !== null && text !== '' && !text.endsWith('\n'))
    await truncate(path, Buffer.byteLength(text.slice(0, text.lastIndexOf('\n') + 1)));
}
