import { basename, dirname, join, relative } from 'node:path';
import type { CommitFs } from '../../src/io/artifacts/commit.ts';

/* A disk as a power cut shows it: of a file stays what was synced, of a folder the names at its last sync. */

interface File {
  readonly kind: 'file';
  readonly text: string;
  isSynced: boolean;
}
interface Folder {
  readonly kind: 'folder';
  /** Names that are sure to be there. */
  names: Map<string, Node>;
  /** Changes since the last sync: any of them may be on the disk or not. */
  pending: Change[];
}
type Node = File | Folder;
type Change =
  | { readonly kind: 'add'; readonly name: string; readonly node: Node }
  | { readonly kind: 'remove'; readonly name: string }
  | { readonly kind: 'move'; readonly from: string; readonly name: string; readonly node: Node };

/** Path below the root -> text of a file; null: a folder. */
export type Snapshot = ReadonlyMap<string, string | null>;

export interface DiskModel {
  readonly fs: CommitFs;
  /** Each call that decides, in order: `sync notes`. */
  readonly calls: readonly string[];
  /** What the disk may hold when the power goes now. */
  cuts(): Snapshot[];
}

export interface DiskOptions {
  readonly root: string;
  /** Path below the root -> text: written and not synced, as tools leave it. */
  readonly files: Readonly<Record<string, string>>;
  /** The power goes before this call. */
  readonly stopBefore: number;
  /** A call (its number) that does nothing. */
  readonly without: number | null;
}

/** A file system in memory whose power may go at every call. */
export function diskModel({ root, files, stopBefore, without }: DiskOptions): DiskModel {
  const top: Folder = { kind: 'folder', names: new Map(), pending: [] };
  const calls: string[] = [];
  const at = (path: string): Node | undefined => {
    const parts = relative(root, path).split('/').filter(Boolean);
    return parts.reduce<Node | undefined>((node, name) => nowIn(node).get(name), top);
  };
  const folderAt = (path: string): Folder => {
    const node = at(path);
    if (node?.kind !== 'folder') throw new Error(`${path} is no folder`);
    return node;
  };
  for (const [path, text] of Object.entries(files)) put(top, path.split('/'), text);
  const step = async (name: string, path: string, work: () => void): Promise<void> => {
    if (calls.length === stopBefore) throw new Error('power cut');
    if (calls.push(`${name} ${basename(path)}`) - 1 !== without) work();
  };
  const change = (path: string, one: Change): void => void folderAt(dirname(path)).pending.push(one);
  const fs: CommitFs = {
    remove: (path) =>
      step('remove', path, () => {
        if (at(path) !== undefined) change(path, { kind: 'remove', name: basename(path) });
      }),
    write: (path, text) =>
      step('write', path, () =>
        change(path, { kind: 'add', name: basename(path), node: { kind: 'file', text, isSynced: false } }),
      ),
    list: async (folder) =>
      [...nowIn(folderAt(folder))].map(([name, { kind }]) => ({
        path: join(folder, name),
        isFolder: kind === 'folder',
      })),
    sync: (path) =>
      step('sync', path, () => {
        const file = at(path);
        if (file?.kind !== 'file') throw new Error(`${path} is no file`);
        file.isSynced = true;
      }),
    rename: (from, to) =>
      step('rename', to, () => {
        const node = at(from);
        if (node === undefined || dirname(from) !== dirname(to)) throw new Error(`cannot rename ${from}`);
        change(to, { kind: 'move', from: basename(from), name: basename(to), node });
      }),
    syncFolder: (path) =>
      step('syncFolder', path, () => {
        const folder = folderAt(path);
        folder.names = nowIn(folder);
        folder.pending = [];
      }),
  };
  return { fs, calls, cuts: () => cutsOf(top) };
}

function put(folder: Folder, [name = '', ...rest]: readonly string[], text: string): void {
  const found = nowIn(folder).get(name);
  const node: Node =
    found ??
    (rest.length > 0 ? { kind: 'folder', names: new Map(), pending: [] } : { kind: 'file', text, isSynced: false });
  if (found === undefined) folder.pending.push({ kind: 'add', name, node });
  if (node.kind === 'folder') put(node, rest, text);
}

const nowIn = (node: Node | undefined): Map<string, Node> =>
  node?.kind === 'folder' ? apply(node, () => true) : new Map();

function apply({ names, pending }: Folder, isKept: (change: Change) => boolean): Map<string, Node> {
  const result = new Map(names);
  for (const change of pending.filter(isKept)) {
    if (change.kind === 'remove') result.delete(change.name);
    if (change.kind === 'move') result.delete(change.from);
    if (change.kind !== 'remove') result.set(change.name, change.node);
  }
  return result;
}

/** All names since the last syncs lost, all kept, each one alone lost or kept, and each folder's lost or kept. */
function cutsOf(top: Folder): Snapshot[] {
  const groups = pendingBelow(top);
  const all = groups.flat();
  const chosen = [...groups, ...all.map((one) => [one])];
  const kept = [[], all, ...chosen, ...chosen.map((few) => all.filter((one) => !few.includes(one)))];
  const snapshots = kept.map((changes) => snapshot(top, (change) => changes.includes(change)));
  return [...new Map(snapshots.map((one) => [keyOf(one), one])).values()];
}

/** One text for snapshots that are the same. */
export const keyOf = (one: Snapshot): string => JSON.stringify([...one].sort(([a], [b]) => (a < b ? -1 : 1)));

function pendingBelow(folder: Folder): Change[][] {
  const below = [...nowIn(folder).values()].flatMap((node) => (node.kind === 'folder' ? pendingBelow(node) : []));
  return folder.pending.length > 0 ? [folder.pending, ...below] : below;
}

/** Content that was not synced has its length and no bytes: the worst that a cut leaves, as nobody sees it from outside. */
function snapshot(folder: Folder, isKept: (change: Change) => boolean, prefix = ''): Map<string, string | null> {
  const found = new Map<string, string | null>();
  for (const [name, node] of apply(folder, isKept)) {
    const path = `${prefix}${name}`;
    if (node.kind === 'file') found.set(path, node.isSynced ? node.text : '\0'.repeat(node.text.length));
    else {
      found.set(path, null);
      for (const [inner, text] of snapshot(node, isKept, `${path}/`)) found.set(inner, text);
    }
  }
  return found;
}
