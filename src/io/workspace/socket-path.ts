import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { readText } from '../disk/files.ts';

/** macOS refuses socket paths from 104 bytes on, Linux from 108. */
const longestSocketPath = 100;
/** The longest name that is asked for: `s.` and a nonce. */
const room = 14;

/** A folder for unix sockets: .phasebox/ itself, or, where paths in it get too long, a private one in the system's temp, noted there. */
export async function socketFolder(state: string): Promise<string> {
  if (Buffer.byteLength(state) + room <= longestSocketPath) return state;
  const note = join(state, 'sockets');
  const noted = await readText(note);
  if (noted !== null) {
    await mkdir(noted, { recursive: true, mode: 0o700 });
    return noted;
  }
  const folder = await mkdtemp(join(tmpdir(), 'phasebox-'));
  await writeFile(note, folder);
  return folder;
}

/** True for the path of a socket that a claim of ours may name: `s.` and a nonce (0.1.0: a pid), in this folder. */
export const isSocketName = (path: string, folder: string): boolean =>
  dirname(path) === folder && /^s\.[0-9a-f]{1,12}$/.test(basename(path));
