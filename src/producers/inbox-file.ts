import { dirname } from 'node:path';

/* The way of one file, as data: it settles in the inbox, is claimed, and ends as accepted or rejected; or it is left. */

/** What lies in the folder under a name, at one look. */
export interface Found {
  readonly name: string;
  /** `odd` is never opened (a pipe, a socket, a device, a folder or a link to one); `unreadable` may become readable. */
  readonly kind: 'file' | 'broken_link' | 'odd' | 'unreadable';
  readonly isLink: boolean;
  /** Inode, size and mtime: what changes when somebody writes. */
  readonly signature: string;
  readonly size: number;
  /** What is wrong with it, for people; empty for a file. */
  readonly problem: string;
}

/**
 * Where a file is on its way. `inbox`: somebody may still write to it. `claimed`: it was taken out of the inbox by a rename,
 * maybe by an `up` that was killed, and a writer may still have it open. `kept`: it is part of a submission, written by us.
 */
export type Place = 'claimed' | 'kept' | 'inbox';

/** A file that is to be accepted or rejected. Times are ms of a clock that never jumps. */
export interface InboxFile extends Found {
  readonly place: Place;
  readonly path: string;
  readonly firstSeen: number;
  /** Since when signature and content are as they are. */
  readonly since: number;
  /** sha256 of the content when it was read first, or null when it was not read. */
  readonly digest: string | null;
  /** The content parses. One that does not may be half of something. */
  readonly parses: boolean;
  /** Set while it rests because the disk or the environment failed when it was taken. */
  readonly fault: { readonly why: string; readonly until: number } | null;
}

/** Nobody writes any more after this; an empty, broken or unparsable file gets more time before it is refused. */
const quiet_ms = { whole: 200, doubtful: 1000, empty: 5000 } as const;
/** Files that appear within this of each other were dropped together. */
const together_ms = 200;
/** How long a settled file waits for an unsettled one that comes before it. */
const patience_ms = 1000;

/** The file after another look: its clock starts again when anything changed. */
export function observe(
  before: InboxFile | undefined,
  found: Found,
  at: Pick<InboxFile, 'place' | 'path'> & { now: number },
) {
  if (before?.signature === found.signature) return before;
  const { place, path, now } = at;
  const fresh = { since: now, digest: null, parses: false, fault: null };
  return { ...found, place, path, firstSeen: before?.firstSeen ?? now, ...fresh } satisfies InboxFile;
}

/** The same file when somebody wrote to it after all. */
export const changed = (file: InboxFile, now: number): InboxFile => ({ ...file, signature: '', since: now });

/** When it can be taken if nothing changes, ms. */
export function dueAt({ kind, size, parses, since, place, fault }: InboxFile): number {
  if (fault !== null) return fault.until;
  if (place === 'kept') return 0;
  if (kind === 'file' && size === 0) return since + quiet_ms.empty;
  return since + (kind === 'odd' || parses ? quiet_ms.whole : quiet_ms.doubtful);
}

/** Those that may be taken now, in their order. Some wait for others that come before them. */
export function takeable(files: Iterable<InboxFile>, now: number): InboxFile[] {
  const holding: InboxFile[] = [];
  const free: InboxFile[] = [];
  for (const file of inOrder(files)) {
    const waits = holding.some((other) => holds(other, file, now));
    (now < dueAt(file) || waits ? holding : free).push(file);
  }
  return free;
}

/** Whether a file waits for another one that comes before it. */
export function holds(other: InboxFile, file: InboxFile, now: number): boolean {
  // The files of a submission may refer to those before them.
  if (other.place === 'kept') return file.place === 'kept' && dirname(other.path) === dirname(file.path);
  if (other.fault !== null) return false;
  if (other.place === 'claimed') return file.place !== 'claimed' && now < other.firstSeen + patience_ms;
  return now < dueAt(file) + patience_ms && Math.abs(other.firstSeen - file.firstSeen) <= together_ms;
}

/** When a look can bring something that the one at `lastLook` could not; null when nothing is watched. */
export function nextLookAt(files: Iterable<InboxFile>, lastLook: number): number | null {
  const times = [...files].flatMap((file) => [dueAt(file), dueAt(file) + patience_ms, file.firstSeen + patience_ms]);
  const ahead = times.filter((time) => time > lastLook);
  return ahead.length === 0 ? null : Math.min(...ahead);
}

const rank = { claimed: 0, kept: 1, inbox: 2 } as const;

/** What was claimed first, then submissions in their order, then the others by name, the same on every machine (no locale). */
function inOrder(files: Iterable<InboxFile>): InboxFile[] {
  const all = [...files].map((file, index) => ({ file, index }));
  const compare = (a: InboxFile, b: InboxFile): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  return all
    .sort((a, b) => {
      const byPlace = rank[a.file.place] - rank[b.file.place];
      if (byPlace !== 0) return byPlace;
      return a.file.place === 'kept' ? a.index - b.index : compare(a.file, b.file);
    })
    .map(({ file }) => file);
}
