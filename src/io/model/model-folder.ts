import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StageError } from '../../core/errors.ts';
import type { ModelFault } from '../../core/mlx/model-fault.ts';
import { type ModelShape, shapeOfName, shapeOfTensors } from '../../core/mlx/model-shape.ts';
import type { ModelFolder } from '../../core/mlx/model-support.ts';
import { hasCode, ifAbsent, listNames } from '../disk/files.ts';
import { parseModelFolder } from '../thread/parse-model.ts';
import { smallJson } from '../thread/parse-tensors.ts';
import { runTask } from '../thread/run-task.ts';
import { claimedHeader, tensorFileOrFault } from './tensor-file.ts';

/** The content of a model folder, by headers, sizes and small JSON files. Large JSON is parsed in a thread. */
export async function readModelFolder(folder: string): Promise<ModelFolder> {
  if (await isSmall(folder)) return parseModelFolder(folder);
  return runTask('modelFolder', folder, null).catch(tooMuchMemory(folder));
}

/** Why a model folder cannot be loaded, or null if it is complete. */
async function folderFault(folder: string): Promise<ModelFault | null> {
  if (await isSmall(folder)) {
    const model = await parseModelFolder(folder);
    return model.whole ? null : model;
  }
  return runTask('modelFault', folder, null).catch(tooMuchMemory(folder));
}

/** True if all the JSON of a model folder can be parsed quickly. */
async function isSmall(folder: string): Promise<boolean> {
  const names = await listNames(folder);
  const sizes = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      if (name.endsWith('.safetensors')) return claimedHeader(path);
      // An unreadable file does not need a thread: reading it says why.
      return name.endsWith('.json') ? ((await stat(path).catch(() => null))?.size ?? 0) : 0;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0) <= smallJson;
}

/** For `.catch`: JSON that takes all the memory of a thread counts as damaged. */
const tooMuchMemory =
  (folder: string) =>
  (error: unknown): { readonly whole: false } & ModelFault => {
    if (!hasCode(error, 'ERR_WORKER_OUT_OF_MEMORY')) throw error;
    return { whole: false, kind: 'damaged', problem: `the JSON files in ${folder} take more than 2 GB of memory` };
  };

const shapes = new Map<string, Promise<ModelShape | null>>();

/** The sizes of a model by its headers, else by its name, else null. Kept while the folder is unchanged. */
export async function readModelShape(source: string, folder: string | null): Promise<ModelShape | null> {
  const found = folder === null ? null : await stat(folder).catch(ifAbsent(null));
  if (folder === null || found === null) return shapeOfName(source);
  const key = `${folder}\0${found.ino}\0${found.mtimeMs}`;
  const shape = shapes.get(key) ?? shapeOfFolder(source, folder);
  shapes.set(key, shape);
  return shape;
}

async function shapeOfFolder(source: string, folder: string): Promise<ModelShape | null> {
  const model = await readModelFolder(folder);
  if (!model.whole) return shapeOfName(source);
  const stored = model.tensors.reduce((sum, tensor) => sum + tensor.end - tensor.begin, 0);
  return shapeOfTensors(model.tensors, model.config, model.bytes - stored);
}

/** Throws OUTPUT_DAMAGED with file and problem unless a model folder or one .safetensors file is complete. */
export async function proveModel(path: string): Promise<void> {
  const fault = await faultOf(path);
  if (fault !== null) throw new StageError('OUTPUT_DAMAGED', fault.problem);
}

/** The same for an input, which no retry repairs. Throws MISSING_INPUT if it does not exist, else INPUT_CHANGED. */
export async function proveInput(path: string): Promise<void> {
  const fault = await faultOf(path);
  if (fault !== null) throw new StageError(fault.kind === 'missing' ? 'MISSING_INPUT' : 'INPUT_CHANGED', fault.problem);
}

async function faultOf(path: string): Promise<Pick<ModelFault, 'kind' | 'problem'> | null> {
  if (path.endsWith('.safetensors')) {
    const file = await tensorFileOrFault(path);
    return file.ok ? null : { kind: file.fault.kind, problem: `${path}: ${file.fault.problem}` };
  }
  const fault = await folderFault(path);
  return fault === null ? null : { kind: fault.kind, problem: join(path, fault.problem) };
}
