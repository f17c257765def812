import { dirname } from 'node:path';

/** The states of one file, as data: it settles, is claimed, and ends as accepted or rejected, or it is left. */

/** What one look finds in the folder under a name. */
export interface Found {
  readonly name: string;
  readonly path: string;
  /** `odd` is never opened (a pipe, socket or device, or a link to one or to a folder). `unreadable` may change. */
  readonly kind: 'file' | 'folder' | 'broken_link' | 'odd' | 'unreadable';
  readonly isLink: boolean;
  /** Inode, size and mtime, which change when the file is written. */
  readonly signature: string;
  readonly size: number;
  /** What is wrong with it, for people. Empty for a file. */
  readonly problem: string;
}

/** `inbox`: it may still be written. `claimed`: a rename took it, its writer may have it open. `kept`: we wrote it. */
export type Place = 'claimed' | 'kept' | 'inbox';

/** A file to accept or reject. Times are ms of a clock that never jumps. */
export interface InboxFile extends Found {
  readonly place: Place;
  readonly firstSeen: number;
  /** Since when signature and content are unchanged. */
  readonly since: number;
  /** sha256 of the content when it was first read, or null if it was not read. */
  readonly digest: string | null;
  /** The content parses. Otherwise it may be incomplete. */
  readonly parses: boolean;
  /** Set while it waits because the disk or the environment failed when it was taken. */
  readonly fault: { readonly why: string; readonly until: number } | null;
}

/** After this the file counts as written. An empty, broken or unparsable file gets more time before it is refused. */
const quiet_ms = { whole: 200, doubtful: 1000, empty: 5000 } as const;
/** Files that appear within this time of each other were dropped together. */
const together_ms = 200;
/** How long a settled file waits for an unsettled one that comes before it. */
const patience_ms = 1000;

/** The file after another look: its clock restarts if anything changed. */
export function observe(before: InboxFile | undefined, found: Found, at: { place: Place; now: number }): InboxFile {
  if (before?.signature === found.signature) return before;
  const { place, now } = at;
  const fresh = { since: now, digest: null, parses: false, fault: null };
  return { ...found, place, firstSeen: before?.firstSeen ?? now, ...fresh };
}

/** The same file if it was written after all. */
export const changed = (file: InboxFile, now: number): InboxFile => ({ ...file, signature: '', since: now });

/** When it can be taken if nothing changes, ms. */
export function dueAt({ kind, size, parses, since, place, fault }: InboxFile): number {
  if (fault !== null) return fault.until;
  if (place === 'kept') return 0;
  if (kind === 'file' && size === 0) return since + quiet_ms.empty;
  return since + (kind === 'odd' || parses ? quiet_ms.whole : quiet_ms.doubtful);
}

/** Files that may be taken now, in their order. Some wait for others that come before them. */
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

/** When a look can find something that the one at `lastLook` could not. Null if nothing is watched. */
export function nextLookAt(files: Iterable<InboxFile>, lastLook: number): number | null {
  const times = [...files].flatMap((file) => [dueAt(file), dueAt(file) + patience_ms, file.firstSeen + patience_ms]);
  const ahead = times.filter((time) => time > lastLook);
  return ahead.length === 0 ? null : Math.min(...ahead);
}

const rank = { claimed: 0, kept: 1, inbox: 2 } as const;

/** First the claimed files, then submissions in their order, then the others by name (in no locale). */
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
