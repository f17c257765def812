/** What lies in the folder under a name, at one look. */
export interface Found {
  readonly name: string;
  /** `odd`: never opened (a pipe, a socket, a device, a link to a folder); `unreadable`: may become readable. */
  readonly kind: 'file' | 'broken_link' | 'odd' | 'unreadable';
  readonly isLink: boolean;
  /** Inode, size and mtime: what changes when somebody writes. */
  readonly signature: string;
  readonly size: number;
  /** What is wrong with it, for people; empty for a file. */
  readonly problem: string;
}

/** A file that is watched until nobody writes to it any more. Times: ms of a clock that never jumps. */
export interface Sighting extends Found {
  readonly firstSeen: number;
  /** Since when signature and content are as they are. */
  readonly since: number;
  /** sha256 of the content when it was read first; null: not read. */
  readonly digest: string | null;
  /** The content parses. One that does not may be half of something. */
  readonly parses: boolean;
}

/** Nobody writes any more after this; an empty, broken or unparsable file gets more time before it is refused. */
const quiet_ms = { whole: 200, doubtful: 1000, empty: 5000 } as const;
/** Files that appear within this of each other were dropped together. */
const together_ms = 200;
/** How long a settled file waits for an unsettled one with a smaller name. */
const patience_ms = 1000;

/** The sighting after another look: the clock starts anew when anything changed. */
export function observe(before: Sighting | undefined, found: Found, now: number): Sighting {
  if (before?.signature === found.signature) return before;
  return { ...found, firstSeen: before?.firstSeen ?? now, since: now, digest: null, parses: false };
}

/** When it counts as settled if nothing changes, ms. */
export function settlesAt(sighting: Sighting): number {
  const { kind, size, parses, since } = sighting;
  if (kind === 'file' && size === 0) return since + quiet_ms.empty;
  return since + (kind === 'odd' || parses ? quiet_ms.whole : quiet_ms.doubtful);
}

/** Those that may be taken now, in the order of their names: a settled one waits for those dropped together with it. */
export function takeable(sightings: Iterable<Sighting>, now: number): Sighting[] {
  const holding: Sighting[] = [];
  const free: Sighting[] = [];
  for (const sighting of inOrder(sightings)) {
    const at = settlesAt(sighting);
    const waits = now < at + patience_ms && holding.some((other) => droppedTogether(other, sighting));
    (now < at || waits ? holding : free).push(sighting);
  }
  return free;
}

/** When a look can bring something that the one at `lastLook` could not; null when nothing is watched. */
export function nextLookAt(sightings: Iterable<Sighting>, lastLook: number): number | null {
  const times = [...sightings].flatMap((sighting) => [settlesAt(sighting), settlesAt(sighting) + patience_ms]);
  const ahead = times.filter((time) => time > lastLook);
  return ahead.length === 0 ? null : Math.min(...ahead);
}

/** By name, the same on every machine (no locale). */
export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function inOrder(sightings: Iterable<Sighting>): Sighting[] {
  return [...sightings].sort(byName);
}

function droppedTogether(a: Sighting, b: Sighting): boolean {
  return Math.abs(a.firstSeen - b.firstSeen) <= together_ms;
}
