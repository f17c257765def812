import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { jsonOrNull } from '../core/json.ts';
import { hasCode, readText } from '../io/disk/files.ts';
import { inParallel } from '../io/disk/in-parallel.ts';
import { ifDamaged } from '../io/disk/own-file.ts';
import { lookAt } from './look.ts';

/** What `submit` says about a file before it appears in the inbox, so that it is trusted at once. */
const ticket = z.strictObject({
  inode: z.string(),
  size: z.string(),
  mtime_ns: z.string(),
  /** Files are taken in this order, whatever the order in which they are seen. */
  order: z.number(),
});
export type Ticket = z.infer<typeof ticket>;

/** A ticket with its file's name in the inbox. */
export interface NamedTicket extends Ticket {
  readonly file: string;
}

/** A ticket whose file did not come within this time belongs to a `submit` that was ended. */
const stale_ms = 60_000;
const ending = '.json';

const folderOf = (state: string): string => join(state, 'tickets');
const pathOf = (state: string, file: string): string => join(folderOf(state), `${file}${ending}`);

/** Writes the ticket of `file` (its name in the inbox). It must be there before the file is. */
export async function writeTicket(state: string, file: string, content: Ticket): Promise<void> {
  await mkdir(folderOf(state), { recursive: true });
  const path = pathOf(state, file);
  await writeFile(`${path}.tmp`, JSON.stringify(content));
  await rename(`${path}.tmp`, path);
}

/** Removes the ticket of a file that was claimed. */
export async function dropTicket(state: string, file: string): Promise<void> {
  await rm(pathOf(state, file), { recursive: true, force: true });
}

/** A number above those of all tickets that wait: the order of the next submit. */
export async function nextOrder(state: string): Promise<number> {
  const waiting = await readTickets(state);
  return Math.max(Date.now() * 1000, ...waiting.map(({ order }) => order + 1));
}

/** Files of the inbox that a ticket vouches for, in the order of submission. Tickets that tell of other files are removed. */
export async function trustedFiles(state: string, inbox: string): Promise<NamedTicket[]> {
  const tickets = (await readTickets(state)).sort((a, b) => b.order - a.order);
  const trusted: NamedTicket[] = [];
  // From the last to the first: files appear in order, so when a later one is there, all before it are there already.
  for (const one of tickets) {
    const seen = await vouched(inbox, one);
    if (seen === 'matches') trusted.unshift(one);
    else if (seen === 'other' || (await isStale(state, one.file))) await dropTicket(state, one.file);
  }
  return trusted;
}

async function vouched(inbox: string, one: NamedTicket): Promise<'matches' | 'other' | 'absent'> {
  const found = await lookAt(join(inbox, one.file), one.file);
  if (found === null) return 'absent';
  return found !== 'folder' && found.signature === ticketSignature(one) ? 'matches' : 'other';
}

/** The signature that the file has as long as nobody wrote to it since. */
export function ticketSignature({ inode, size, mtime_ns }: Ticket): string {
  return `${inode}:${size}:${mtime_ns}`;
}

async function isStale(state: string, file: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(pathOf(state, file))).mtimeMs > stale_ms;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

async function readTickets(state: string): Promise<NamedTicket[]> {
  const names = await readdir(folderOf(state)).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  });
  const files = names.filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length));
  return (await inParallel(files, (file) => readTicket(state, file))).filter((one) => one !== null);
}

/** Null and removed when it is no ticket; null when it was consumed meanwhile. */
async function readTicket(state: string, file: string): Promise<NamedTicket | null> {
  const text = await readText(pathOf(state, file)).catch(ifDamaged(''));
  if (text === null) return null;
  const parsed = ticket.safeParse(jsonOrNull(text));
  if (parsed.success) return { ...parsed.data, file };
  await dropTicket(state, file);
  return null;
}
