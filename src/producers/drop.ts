import { link, lstat, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { atPath, hasCode, privateMode, sync } from '../io/disk/files.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { numbered } from './claim.ts';
import { isPrivate } from './private-config.ts';
import { dropTicket, nextOrder, type Ticket, writeTicket } from './tickets.ts';

/** A finished config to put into the inbox. */
export interface DropFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Where it lies now; `inode` stays the same in accepted/ and rejected/. */
export interface Dropped {
  readonly name: string;
  readonly inode: string;
}

interface Written {
  readonly file: DropFile;
  readonly temporary: string;
  readonly name: string;
  readonly ticket: Ticket;
}

/** A temporary file this old belongs to a `submit` that was ended. */
const stale_ms = 60_000;

/**
 * Puts finished files into the inbox in this order: all are written aside and synced before the first appears, so a
 * full disk leaves none. A name that waits there already gets `<stem>.2<ext>`. Throws what the disk throws.
 */
export async function dropFiles(workspace: Workspace, files: readonly DropFile[]): Promise<Dropped[]> {
  const { inbox, state } = workspace;
  await mkdir(inbox, { recursive: true });
  const order = await nextOrder(state);
  const written: Written[] = [];
  try {
    for (const [index, file] of files.entries()) written.push(await writeAside(inbox, file, order + index));
    for (const { name, ticket } of written) await writeTicket(state, name, ticket);
  } catch (error) {
    for (const { temporary, name } of written) {
      await rm(temporary, { force: true });
      await dropTicket(state, name);
    }
    throw error;
  }
  const dropped: Dropped[] = [];
  for (const one of written) dropped.push(await appear(workspace, one));
  await sync(inbox);
  return dropped;
}

async function writeAside(inbox: string, file: DropFile, order: number): Promise<Written> {
  for (let n = 1; ; n += 1) {
    const name = numbered(file.name, n);
    const temporary = join(inbox, `.${name}.tmp`);
    if ((await isThere(join(inbox, name))) || !(await writeNew(temporary, file))) continue;
    const { ino, size, mtimeNs } = await stat(temporary, { bigint: true });
    const ticket = { inode: `${ino}`, size: `${size}`, mtime_ns: `${mtimeNs}`, order };
    return { file, temporary, name, ticket };
  }
}

/** False when another `submit` is writing this very file. */
async function writeNew(path: string, { name, bytes }: DropFile): Promise<boolean> {
  const age = Date.now() - ((await lstat(path).catch(absent))?.mtimeMs ?? Number.NaN);
  if (age > stale_ms) await rm(path);
  const mode = (await isPrivate(bytes, name)) ? privateMode : undefined;
  const handle = await open(path, 'wx', mode).catch((error: unknown) => {
    if (hasCode(error, 'EEXIST')) return null;
    throw error;
  });
  if (handle === null) return false;
  try {
    await handle.writeFile(bytes).catch(atPath(path));
    await handle.sync();
  } finally {
    await handle.close();
  }
  return true;
}

/** The file appears whole under its name; one that came there meanwhile is never replaced. */
async function appear({ inbox, state }: Workspace, written: Written): Promise<Dropped> {
  const { inode } = written.ticket;
  for (let { name } = written, n = 1; ; n += 1, name = numbered(written.file.name, n)) {
    if (name !== written.name) await writeTicket(state, name, written.ticket);
    if (await place(written.temporary, join(inbox, name))) return { name, inode };
    await dropTicket(state, name);
  }
}

/** A hard link and not a rename, because a rename would replace what is there. */
async function place(temporary: string, target: string): Promise<boolean> {
  try {
    await link(temporary, target);
    await rm(temporary);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    if (!hasCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV')) throw error;
    // No hard links on this disk (exFAT): then look first.
    if (await isThere(target)) return false;
    await rename(temporary, target);
    return true;
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(absent)) !== null;
}

function absent(error: unknown): null {
  if (hasCode(error, 'ENOENT')) return null;
  throw error;
}
