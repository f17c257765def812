import { mkdir, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { asStageError } from '../../core/errors.ts';
import { parsedOrNull } from '../../core/json.ts';
import { type SharedManifest, sharedManifest } from '../../events/run.ts';
import { commit, hashOutputs } from '../../io/artifacts/commit.ts';
import { sharedFolder } from '../../io/artifacts/run-store.ts';
import { readText } from '../../io/disk/files.ts';
import { removeInside } from '../../io/disk/inside.ts';
import { now } from '../runtime/runtime.ts';
import type { SharedWork } from '../stages/stage.ts';
import { answersHold } from './carry-over.ts';

/**
 * artifacts/base/<key>, made and committed unless it, or one of the `older` keys, exists and is valid. What an earlier
 * try left is resumed: the key says what it was made from. Throws what `make` throws.
 */
export async function makeShared(artifacts: string, key: string, work: SharedWork): Promise<string> {
  const { make, holds, older = [] } = work;
  const manifestOf = (folder: string): Promise<string | null> => readText(join(folder, 'manifest.json'));
  for (const folder of [key, ...older].map((one) => sharedFolder(artifacts, one)))
    if (readSharedManifest(await manifestOf(folder)) !== null && (await holds(folder))) return folder;
  const target = sharedFolder(artifacts, key);
  const dir = sharedFolder(artifacts, `.${key}`);
  if ((await manifestOf(target)) !== null) {
    await removeInside(dirname(dir), basename(dir));
    await rename(target, dir);
  }
  await mkdir(dir, { recursive: true });
  try {
    await make(dir);
    const manifest: SharedManifest = { version: 1, key, made: now(), outputs: await hashOutputs(dir) };
    await commit(dir, target, manifest);
  } catch (error) {
    if (!answersHold(asStageError(error).code)) await removeInside(dirname(dir), basename(dir));
    throw error;
  }
  return target;
}

/** Null if there is none, it is damaged, or of a version that hashed no outputs. */
export const readSharedManifest = (text: string | null): SharedManifest | null => parsedOrNull(sharedManifest, text);
