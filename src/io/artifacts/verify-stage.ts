import { join } from 'node:path';
import { DamagedFile, messageOf, StageError } from '../../core/errors.ts';
import { keptOutputs } from '../../core/run/outputs.ts';
import { type Manifest, manifest as manifestSchema, type OutputFile } from '../../events/run.ts';
import { inParallel } from '../disk/in-parallel.ts';
import { readOwn } from '../disk/own-file.ts';
import { proveModel } from '../model/model-folder.ts';
import { freshHash } from '../thread/content-hash.ts';
import { lookAtOutput } from './commit.ts';

/** The result of verifying a committed stage. */
export interface StageCheck {
  /** In words, each with its path. Empty if the stage is complete. */
  readonly problems: readonly string[];
  /** Files whose time or inode changed but not their content: the workspace was copied, or the files were touched. */
  readonly touched: readonly string[];
  /** Existing outputs, and their bytes. */
  readonly files: number;
  readonly bytes: number;
  /** When outputs were removed on purpose, ISO 8601. */
  readonly removedAt: string | null;
}

/** Checks a committed stage: manifest, sizes, times, inodes, and headers of weights. `deep`: all bytes too. */
export async function verifyStage(folder: string, { deep }: { readonly deep: boolean }): Promise<StageCheck> {
  const path = join(folder, 'manifest.json');
  const read = await readStrict(path);
  if (typeof read === 'string') return { problems: [read], touched: [], files: 0, bytes: 0, removedAt: null };
  const outputs = keptOutputs(read);
  const { problems, ...looked } = await verifyOutputs(folder, outputs, deep);
  // Missing or cut files need no second message.
  const weights = problems.length > 0 ? [] : await Promise.all(weightsOf(read, outputs, folder).map(unproven));
  return {
    ...looked,
    problems: [...problems, ...weights.flatMap((problem) => problem ?? [])],
    removedAt: read.removed?.at ?? null,
  };
}

/** Compares the outputs in a manifest with those in `folder`: size, time and inode, or (`deep`) every byte. */
export async function verifyOutputs(
  folder: string,
  outputs: readonly OutputFile[],
  deep: boolean,
): Promise<Omit<StageCheck, 'removedAt'>> {
  const looked = await inParallel(outputs, (output) => look(folder, output, deep));
  return {
    problems: looked.flatMap(({ problem }) => problem ?? []),
    touched: looked.flatMap(({ touched }) => touched ?? []),
    files: outputs.length,
    bytes: outputs.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

async function readStrict(path: string): Promise<Manifest | string> {
  try {
    return (await readOwn(manifestSchema, { path })) ?? `${path} is gone`;
  } catch (error) {
    return `${path} cannot be read: ${error instanceof DamagedFile ? error.reason : messageOf(error)}`;
  }
}

interface Looked {
  readonly problem: string | null;
  readonly touched: string | null;
}

async function look(folder: string, output: OutputFile, deep: boolean): Promise<Looked> {
  const path = join(folder, output.path);
  const problem = (what: string): Looked => ({ problem: `${path} ${what}`, touched: null });
  try {
    const found = await lookAtOutput(folder, output);
    if (typeof found === 'string') return { problem: found, touched: null };
    const same = found.mtimeMs === output.mtime_ms && found.ino === output.inode;
    if (same && !deep) return { problem: null, touched: null };
    if ((await freshHash(path)) !== output.sha256) return problem('has another content than when it was made');
    return { problem: null, touched: same ? null : path };
  } catch (error) {
    return problem(`cannot be read: ${messageOf(error)}`);
  }
}

/** Model folders, and weights outside of them. */
function weightsOf({ made }: Manifest, outputs: readonly OutputFile[], folder: string): string[] {
  const paths = outputs.map(({ path }) => path);
  const model = typeof made.model === 'string' ? made.model : null;
  const inModel = (path: string): boolean => model !== null && path.startsWith(`${model}/`);
  const single = paths.filter((path) => path.endsWith('.safetensors') && !inModel(path));
  const models = model !== null && paths.some(inModel) ? [model] : [];
  return [...models, ...single].map((path) => join(folder, path));
}

async function unproven(path: string): Promise<string | null> {
  try {
    await proveModel(path);
    return null;
  } catch (error) {
    if (error instanceof StageError) return error.message;
    return `${path} cannot be read: ${messageOf(error)}`;
  }
}
