import { mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { holdsSecrets } from '../core/secrets.ts';
import { atPath, listNames, nonce, privateMode, sync } from '../io/disk/files.ts';
import { yamlOf } from '../io/thread/off-thread.ts';
import { numbered } from './claim.ts';

/** Submitted files until they are accepted: `.claimed/submit.<n>/<index>.<name>`, one folder per submission. */

export interface KeptFile {
  /** As submitted, with an ending that the inbox accepts. */
  readonly name: string;
  readonly path: string;
}

interface NewFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const draftName = /^\.draft\.[0-9a-f]+$/;
const folderName = /^submit\.(\d+)$/;
const fileName = /^\d{6}\.(.+)$/;

/** Keeps files permanently, all or none of them after a crash: their folder appears by one rename at the end. */
export async function keepTogether(claimed: string, files: readonly NewFile[]): Promise<KeptFile[]> {
  const draft = join(claimed, `.draft.${nonce()}`);
  try {
    await mkdir(draft);
    for (const [index, file] of files.entries())
      await writeNew(join(draft, `${String(index).padStart(6, '0')}.${numbered(file.name, 1)}`), file);
    await sync(draft);
    const folder = join(claimed, `submit.${((await numbers(claimed)).at(-1) ?? 0) + 1}`);
    await rename(draft, folder);
    await sync(claimed);
    return await filesIn(folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

async function writeNew(path: string, { name, bytes }: NewFile): Promise<void> {
  const handle = await open(path, 'wx', (await isPrivate(bytes, name)) ? privateMode : undefined);
  try {
    await handle.writeFile(bytes).catch(atPath(path));
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** All kept files, in the order of submission. */
export async function keptFiles(claimed: string): Promise<KeptFile[]> {
  const files: KeptFile[] = [];
  for (const number of await numbers(claimed)) files.push(...(await filesIn(join(claimed, `submit.${number}`))));
  return files;
}

/** Called when a file was moved away: the folder is removed with its last file. */
export const leaveFolder = ({ path }: KeptFile): Promise<void> => rmdir(dirname(path)).catch(() => undefined); // it still has others

/** At start: removes what an interrupted submission left. */
export async function removeDrafts(claimed: string): Promise<void> {
  for (const name of (await readdir(claimed)).filter((one) => draftName.test(one)))
    await rm(join(claimed, name), { recursive: true });
}

async function numbers(claimed: string): Promise<number[]> {
  const names = await listNames(claimed);
  return names.flatMap((name) => folderName.exec(name)?.slice(1).map(Number) ?? []).sort((a, b) => a - b);
}

async function filesIn(folder: string): Promise<KeptFile[]> {
  const names = (await listNames(folder)).filter((name) => fileName.test(name)).sort();
  return names.map((name) => ({ name: name.replace(fileName, '$1'), path: join(folder, name) }));
}

/** Whether only its owner may read a config: its `env` has secrets, or might, in a file that cannot be parsed. */
export async function isPrivate(bytes: Uint8Array, file: string): Promise<boolean> {
  const yaml = await yamlOf(bytes, file);
  if (!yaml.ok) return /\benv\b/.test(Buffer.from(bytes).toString('latin1'));
  return holdsSecrets(yaml.source.value.env);
}
