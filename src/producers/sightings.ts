import { join } from 'node:path';
import { hasCode } from '../io/disk/files.ts';
import { type Content, type Look, lookAt, readContent } from './look.ts';
import { nextLookAt, observe, type Sighting, takeable } from './settle.ts';

/** The files of one folder that are watched until nobody writes to them. */
export interface Sightings {
  readonly folder: string;
  /** Looks once: what can be taken now, in order; what is new; what lies there and is not taken. */
  look(): Promise<{ free: readonly Sighting[]; fresh: readonly Sighting[] } & Omit<Look, 'found'>>;
  /** Reads a second time: true when it is still what was seen; otherwise its clock starts anew. */
  confirm(sighting: Sighting): Promise<boolean>;
  forget(name: string): void;
  count(): number;
  /** ms until a look can bring something new; null when nothing is watched. */
  nextLook(): number | null;
}

/** Watches a folder by looking at it: no events needed. */
export function watchSightings(folder: string, look: (folder: string) => Promise<Look>): Sightings {
  const known = new Map<string, Sighting>();
  let lastLook = 0;
  return {
    folder,
    async look() {
      // Taken before the look: a file counts as quiet only for the time that was seen on both sides.
      lastLook = performance.now();
      const { found, ...others } = await look(folder);
      const fresh: Sighting[] = [];
      const names = new Set(found.map(({ name }) => name));
      for (const name of known.keys()) if (!names.has(name)) known.delete(name);
      for (const one of found) {
        const sighting = await readOnce(folder, observe(known.get(one.name), one, performance.now()));
        if (!known.has(one.name)) fresh.push(sighting);
        known.set(one.name, sighting);
      }
      return { free: takeable(known.values(), lastLook), fresh, ...others };
    },
    async confirm(sighting) {
      const same = await isSame(folder, sighting);
      if (!same) known.set(sighting.name, { ...sighting, signature: '', since: performance.now() });
      return same;
    },
    forget: (name) => void known.delete(name),
    count: () => known.size,
    nextLook() {
      const at = nextLookAt(known.values(), lastLook);
      // Rounded up: a timer that fires early would find nothing settled.
      return at === null ? null : Math.max(0, Math.ceil(at - performance.now()));
    },
  };
}

/** The first reading of a file: its content's hash, whether it parses, or that it cannot be read (asked again each time). */
async function readOnce(folder: string, sighting: Sighting): Promise<Sighting> {
  const { kind, size, digest } = sighting;
  if ((kind !== 'file' && kind !== 'unreadable') || size === 0 || digest !== null) return sighting;
  try {
    const content = await readContent(join(folder, sighting.name));
    return { ...sighting, kind: 'file', digest: content.digest, parses: await content.parses() };
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return sighting;
    return { ...sighting, kind: 'unreadable', problem: `not readable: ${String(error)}` };
  }
}

async function isSame(folder: string, sighting: Sighting): Promise<boolean> {
  const path = join(folder, sighting.name);
  const found = await lookAt(path, sighting.name);
  if (found === null || found === 'folder' || found.signature !== sighting.signature) return false;
  if (sighting.kind !== 'file' || sighting.size === 0) return true;
  const content: Content = await readContent(path);
  return content.digest === sighting.digest;
}
