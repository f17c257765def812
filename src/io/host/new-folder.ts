import { lstat, mkdir, readdir, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { CommandError, messageOf } from '../../core/errors.ts';
import { hasCode, ifAbsent, nonce, sync } from '../disk/files.ts';
import { commandLine } from './process-facts.ts';

/**
 * Makes a folder that appears complete or not at all: `fill` writes into a hidden draft next to it, which is synced and
 * renamed. Throws CommandError 2 (`target` is neither new nor an empty folder) or 3 (it cannot be made).
 */
export async function newFolder<T>(target: string, fill: (draft: string) => Promise<T>): Promise<T> {
  const path = await freeTarget(target);
  await mkdir(dirname(path), { recursive: true }).catch(notMade(path));
  await sweepDrafts(path);
  const draft = join(dirname(path), `${draftPrefix(path)}${process.pid}.${nonce()}`);
  try {
    await mkdir(draft).catch(notMade(path));
    const result = await fill(draft);
    await syncTree(draft);
    // Onto an empty folder this is atomic too. Onto one that was filled meanwhile, it fails.
    await rename(draft, path).catch(notMade(path));
    await sync(dirname(path));
    return result;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** For `.catch`: why a folder cannot be made. */
export const notMade =
  (path: string) =>
  (error: unknown): never => {
    const message = messageOf(error);
    throw new CommandError(3, `${path} cannot be made: ${message}`, { cause: error });
  };

/** The real path to make. A link to an empty folder leads to that folder. */
async function freeTarget(target: string): Promise<string> {
  const path = await realpath(target).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return resolve(target);
    throw new CommandError(2, `${target} cannot be used: ${String(error)}`, { cause: error });
  });
  const found = await lstat(path).catch(ifAbsent(null));
  if (found === null) return path;
  if (found.isSymbolicLink()) throw new CommandError(2, `${path} is a link without a target. Give another folder.`);
  if (!found.isDirectory()) throw new CommandError(2, `${path} exists and is not a folder. Give another name.`);
  if ((await readdir(path)).length > 0) {
    throw new CommandError(2, `${path} exists and is not empty. Give a new folder: nothing is ever overwritten.`);
  }
  return path;
}

const draftPrefix = (path: string): string => `.${basename(path)}.phasebox-`;

/** Removes what a killed process left next to the target. The draft of a living process stays. */
async function sweepDrafts(path: string): Promise<void> {
  const prefix = draftPrefix(path);
  for (const name of await readdir(dirname(path))) {
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN;
    if (!Number.isInteger(pid)) continue;
    if (pid === process.pid || (await commandLine(pid)) === null)
      await rm(join(dirname(path), name), { recursive: true, force: true });
  }
}

async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    await (entry.isDirectory() ? syncTree(path) : sync(path));
  }
  await sync(folder);
}
