import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { StageError } from '../../core/errors.ts';
import { isAmong, keptOutputs } from '../../core/run/outputs.ts';
import { type StageName, stageFolder } from '../../events/stages.ts';
import { ifAbsent, sync, writeWhole } from '../disk/files.ts';
import { pathInside, removeInside } from '../disk/inside.ts';
import { folderBytes } from '../host/disk-usage.ts';
import { readManifest } from './run-folder.ts';

export interface Removal {
  /** Outputs, or folders of outputs, inside the stage's folder. */
  readonly paths: readonly string[];
  /** When (ISO 8601). Outputs that were marked earlier keep their time. */
  readonly at: string;
}

/**
 * Removes outputs of a run's committed stage. Returns the freed bytes. It marks first and deletes then: a crash in
 * between leaves extra files, and never a wrong manifest. Doing it again finishes it. Throws MISSING_INPUT.
 */
export async function removeOutputs(runFolder: string, stage: StageName, { paths, at }: Removal): Promise<number> {
  const folder = join(runFolder, stageFolder(stage));
  const manifest = await readManifest(runFolder, stage);
  if (manifest === null) throw new StageError('MISSING_INPUT', `${folder}/manifest.json`);
  // Before anything is marked: the stage's own folder is not a link, and no path leads out of it.
  await pathInside(runFolder, stageFolder(stage));
  for (const path of paths) await pathInside(folder, path).catch(ifAbsent(null));
  const fresh = keptOutputs(manifest).flatMap(({ path }) => (isAmong(path, paths) ? [path] : []));
  if (fresh.length > 0) {
    const removed = { at: manifest.removed?.at ?? at, paths: [...(manifest.removed?.paths ?? []), ...fresh].sort() };
    await writeWhole(join(folder, 'manifest.json'), `${JSON.stringify({ ...manifest, removed }, null, 2)}\n`);
  }
  const before = await folderBytes(folder);
  for (const path of paths) await removeInside(folder, path);
  return before - (await folderBytes(folder));
}

/** `.3-fuse.replaced`: a committed stage that is being removed, and no longer part of the run. */
const replacedFolder = (stage: StageName): string => `.${stageFolder(stage)}.replaced`;

/** Removes stages, the last one first: a crash leaves a beginning of the chain, and doing it again finishes it. */
export async function putAside(runFolder: string, stages: readonly StageName[]): Promise<void> {
  for (const stage of stages.toReversed()) {
    await removeInside(runFolder, replacedFolder(stage));
    const [from, to] = [stageFolder(stage), replacedFolder(stage)].map((name) => join(runFolder, name));
    await rename(String(from), String(to)).catch(ifAbsent(undefined));
  }
  await sync(runFolder);
  for (const stage of stages) await removeInside(runFolder, replacedFolder(stage));
}
