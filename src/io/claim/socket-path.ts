import { mkdir, mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createWhole, ifThere, readText, writeWhole } from '../disk/files.ts';
import { isPrivate } from '../disk/private-folder.ts';

/** macOS refuses socket paths from 104 bytes on, Linux from 108. */
const longestSocketPath = 100;
/** The longest name that is needed: `s.` and a nonce. */
const room = 14;

/**
 * A folder for unix sockets: .phasebox/ itself, or, if paths in it are too long, a private one in the system's temp
 * folder, whose path is noted there.
 */
export async function socketFolder(state: string): Promise<string> {
  if (Buffer.byteLength(state) + room <= longestSocketPath) return state;
  const note = join(state, 'sockets');
  const noted = await readText(note);
  if (noted !== null && (await isOurs(noted))) return noted;
  const folder = await mkdtemp(join(tmpdir(), 'phasebox-'));
  if (noted !== null) {
    await writeWhole(note, folder);
    return folder;
  }
  // The first process names the folder: all processes of the workspace must use the same one.
  if (await createWhole(note, folder)) return folder;
  await rmdir(folder);
  return socketFolder(state);
}

/**
 * The note is untrusted data: only a folder of ours is used. One that is gone (a reboot empties the temp folder) is
 * made again.
 */
async function isOurs(noted: string): Promise<boolean> {
  if (!/^\/.*\/phasebox-\w{6}$/.test(noted)) return false;
  if (dirname(noted) === tmpdir()) await mkdir(noted, { mode: 0o700 }).catch(ifThere(undefined));
  return isPrivate(noted);
}

/** True for the path of a socket that a claim of ours may name: `s.` and a nonce (0.1.0: a pid), in this folder. */
export const isSocketName = (path: string, folder: string): boolean =>
  dirname(path) === folder && /^s\.[0-9a-f]{1,12}$/.test(basename(path));
