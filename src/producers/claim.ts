import { copyFile, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { ifAbsent, sync, writeWhole } from '../io/disk/files.ts';

/** `<stem>.2<ext>`, `.3` ...: the first name of this pattern that is free in the folder. */
export async function freeName(folder: string, name: string): Promise<string> {
  for (let n = 1; ; n += 1) {
    const candidate = numbered(name, n);
    if (!(await isThere(join(folder, candidate)))) return candidate;
  }
}

/** The n-th name for the same thing: `43a.yaml`, `43a.2.yaml`, `43a.3.yaml` ... */
export function numbered(name: string, n: number): string {
  const { name: stem, ext } = parse(name);
  return `${shortened(stem)}${n === 1 ? '' : `.${n}`}${ext}`;
}

/** Whether a file of this name may have been given the other name because its own was taken. */
export function isNameOf(name: string, other: string): boolean {
  const n = /\.(\d+)(?:\.[^.]*)?$/.exec(other)?.[1];
  return other === numbered(name, 1) || (n !== undefined && Number(n) > 1 && other === numbered(name, Number(n)));
}

/** Leaves room in the 255 bytes of a file name for additions (`.reasons.txt`, a dot and `.copy`). */
function shortened(stem: string): string {
  let text = stem;
  while (Buffer.byteLength(text) > 200) text = text.slice(0, -1);
  return text;
}

/**
 * Takes a file out of the inbox by one rename and returns its name in `claimed`. A link becomes a copy of its target:
 * the copy is made next to it, the link is renamed, then replaced. `finishLinks` repairs what a crash left.
 */
export async function claim(file: { inbox: string; name: string; isLink: boolean }, claimed: string): Promise<string> {
  const from = join(file.inbox, file.name);
  const name = await freeName(claimed, file.name);
  const target = join(claimed, name);
  if (!file.isLink) {
    await rename(from, target);
    return name;
  }
  const copy = copyOf(claimed, name);
  await copyFile(from, copy);
  await sync(copy);
  await rename(from, target);
  await rename(copy, target);
  return name;
}

const copyOf = (claimed: string, name: string): string => join(claimed, `.${name}.copy`);

/** At start: a claimed link gets its content. A copy whose link stayed in the inbox is made again later. */
export async function finishLinks(claimed: string): Promise<void> {
  for (const hidden of await readdir(claimed)) {
    const name = /^\.(.+)\.copy$/.exec(hidden)?.[1];
    if (name === undefined) continue;
    const target = join(claimed, name);
    const link = await lstat(target).catch(ifAbsent(null));
    if (link?.isSymbolicLink()) await rename(copyOf(claimed, name), target);
    else await rm(copyOf(claimed, name));
  }
}

/** Moves a file (or an unchanged link) to rejected/, after writing its reasons there. Returns its name there. */
export async function reject(from: string, rejected: string, file: { name: string; reasons: string }): Promise<string> {
  await mkdir(rejected, { recursive: true });
  const name = await freeName(rejected, file.name);
  // The reasons first: a file in rejected/ always has them, and doing it again after a crash writes the same.
  await writeWhole(join(rejected, `${name}.reasons.txt`), file.reasons);
  await rename(from, join(rejected, name));
  return name;
}

const isThere = async (path: string): Promise<boolean> => (await lstat(path).catch(ifAbsent(null))) !== null;
