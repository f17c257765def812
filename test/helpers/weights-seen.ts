import { existsSync, type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../../src/io/disk/files.ts';

/** Name -> dtype of a safetensors file's tensors. */
export type Types = Readonly<Record<string, string>>;

/** What a folder held while it was watched. */
export interface Seen {
  /** Every file that was there at any time: path -> the tensors that any state of it held. */
  readonly files: Map<string, Types>;
  /** The most bytes that its files of weights had. */
  peak: number;
}

/** Every file below a folder, sorted; none when it is not there. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : [])).sort();
}

/** Name -> dtype of the tensors in a safetensors file; null while its header is not written. */
export async function tensors(path: string): Promise<Types | null> {
  const file = await open(path).catch(() => null);
  if (file === null) return null;
  try {
    const prefix = Buffer.alloc(8);
    const length = (await file.read(prefix)).bytesRead < 8 ? 0 : Number(prefix.readBigUInt64LE());
    const bytes = Buffer.alloc(length);
    if (length === 0 || (await file.read(bytes, 0, length, 8)).bytesRead < length) return null;
    const header = JSON.parse(bytes.toString('utf8')) as Record<string, { dtype: string }>;
    return Object.fromEntries(
      Object.entries(header).flatMap(([name, { dtype }]) => (name === '__metadata__' ? [] : [[name, dtype]])),
    );
  } finally {
    await file.close();
  }
}

/** Tensors of any file seen that bear the name of a weight that ends up quantized, but are no packed integers. */
export const unquantized = ({ files }: Seen, final: Types): string[] =>
  [...files.values()].flatMap((types) =>
    Object.entries(types).flatMap(([name, dtype]) =>
      name.endsWith('.weight') && `${name.slice(0, -'.weight'.length)}.scales` in final && dtype !== 'U32'
        ? [name]
        : [],
    ),
  );

/** Notes the path of everything that is made in a folder, however short it lives. */
function noteCreations(folder: string, files: Map<string, Types>): () => void {
  const watchers = new Map<string, FSWatcher>();
  const note = (path: string): void => {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory() === true) follow(path);
    else if (!files.has(path)) files.set(path, {});
  };
  const follow = (directory: string): void => {
    if (watchers.has(directory)) return;
    try {
      const watcher = watch(directory, (_event, name) => note(join(directory, name ?? '')));
      watchers.set(directory, watcher);
      watcher.on('error', () => watcher.close());
      for (const name of readdirSync(directory)) note(join(directory, name));
    } catch (error) {
      // a folder that is renamed away at this moment is no failure of the test
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  };
  follow(folder);
  return () => {
    for (const watcher of watchers.values()) watcher.close();
  };
}

/** Looks at a folder over and over, from when it is made until it is told to stop. */
export function watchWeights(folder: string): { stop(): Promise<Seen> } {
  const seen: Seen = { files: new Map(), peak: 0 };
  let close: (() => void) | null = null;
  let over = false;
  const watching = (async () => {
    for (let last = false; !last; ) {
      last = over;
      const there = existsSync(folder);
      // no tool is so fast that it has written something by the next look
      await new Promise((resolve) => setTimeout(resolve, there ? 1 : 20));
      if (!there) continue;
      close ??= noteCreations(folder, seen.files);
      let bytes = 0;
      for (const path of await filesBelow(folder)) {
        if (!path.endsWith('.safetensors')) {
          seen.files.set(path, {});
          continue;
        }
        bytes += statSync(path, { throwIfNoEntry: false })?.size ?? 0;
        seen.files.set(path, { ...seen.files.get(path), ...(await tensors(path)) });
      }
      seen.peak = Math.max(seen.peak, bytes);
    }
    close?.();
  })();
  return {
    async stop() {
      over = true;
      await watching;
      return seen;
    },
  };
}

/** Looks at a folder while something runs in it. */
export async function watched(folder: string, start: () => Promise<unknown>): Promise<Seen> {
  const { stop } = watchWeights(folder);
  try {
    await start();
  } finally {
    await stop();
  }
  return stop();
}
