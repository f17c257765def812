import { open, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { StageError } from '../../core/errors.ts';
import { elements, type ModelShape, shapeOfName, shapeOfTensors, weightsOf } from '../../core/mlx/model-shape.ts';
import {
  type Checked,
  headerLength,
  indexProblem,
  prefixBytes,
  readTensors,
  shardSetProblem,
  type Tensor,
} from '../../core/mlx/safetensors.ts';
import { hasCode, ifAbsent, readText } from '../disk/files.ts';

/** How a model says that it is quantized: `config.json`'s own section. */
export interface Quantization {
  readonly bits: number;
  readonly group_size: number;
}

/** A model folder as its headers tell it. `bytes`: all its files; `parameters`: unpacked, quantized ones counted too. */
export type ModelFolder =
  | {
      readonly whole: true;
      readonly tensors: readonly Tensor[];
      readonly bytes: number;
      readonly parameters: number;
      readonly quantization: Quantization | null;
      readonly config: Readonly<Record<string, unknown>>;
    }
  | { readonly whole: false; readonly problem: string };

const indexFile = 'model.safetensors.index.json';
const tokenizerFiles = ['tokenizer.json', 'tokenizer.model', 'vocab.json', 'tiktoken.model'];

/** All tensors of one .safetensors file, proven to be of the file's size. Only the header is read. */
export async function readTensorFile(path: string): Promise<Checked<readonly Tensor[]>> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const prefix = new Uint8Array(prefixBytes);
    await handle.read(prefix, 0, prefixBytes, 0);
    const length = headerLength(prefix, size);
    if (!length.ok) return length;
    const header = Buffer.alloc(length.value);
    const { bytesRead } = await handle.read(header, 0, length.value, prefixBytes);
    return readTensors(header.toString('utf8', 0, bytesRead), length.value, size);
  } finally {
    await handle.close();
  }
}

const broken = (file: string, problem: string): ModelFolder => ({ whole: false, problem: `${file}: ${problem}` });

/** What lies in a model folder, and whether it can be loaded: only headers, sizes and the small JSON files are read. */
export async function readModelFolder(folder: string): Promise<ModelFolder> {
  const names = await listFolder(folder);
  if (names === null) return { whole: false, problem: `${folder} is not there or no folder` };
  const config = await readJson(join(folder, 'config.json'));
  if (!config.ok) return broken('config.json', config.problem);
  const tokenizer = await tokenizerProblem(folder, names);
  if (tokenizer !== null) return { whole: false, problem: tokenizer };
  const shards = await readShards(folder, names);
  if (!shards.ok) return { whole: false, problem: shards.problem };
  if (names.includes(indexFile)) {
    const index = await readJson(join(folder, indexFile));
    const tensorNames = new Map([...shards.value].map(([file, tensors]) => [file, tensors.map((one) => one.name)]));
    const problem = index.ok ? indexProblem(index.value, tensorNames) : index.problem;
    if (problem !== null) return broken(indexFile, problem);
  }
  const tensors = [...shards.value.values()].flat();
  return {
    whole: true,
    tensors,
    bytes: await folderBytes(folder, names),
    parameters: weightsOf(tensors, config.value).reduce((sum, weight) => sum + elements(weight), 0),
    quantization: quantizationOf(config.value),
    config: config.value,
  };
}

const shapes = new Map<string, Promise<ModelShape | null>>();

/**
 * What sizes of a model are counted from: its own headers when it is here and whole, else its name; null: nothing known.
 * Remembered while the folder stays as it is: every stage asks.
 */
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

/** Throws OUTPUT_DAMAGED, naming file and problem, unless a model folder or one .safetensors file is whole. */
export async function proveModel(path: string): Promise<void> {
  if (path.endsWith('.safetensors')) {
    const file = await tensorFileOrProblem(path);
    if (!file.ok) throw new StageError('OUTPUT_DAMAGED', `${path}: ${file.problem}`);
    if (file.value.length === 0) throw new StageError('OUTPUT_DAMAGED', `${path}: no tensor in it`);
    return;
  }
  const model = await readModelFolder(path);
  if (!model.whole) throw new StageError('OUTPUT_DAMAGED', join(path, model.problem));
}

async function tensorFileOrProblem(path: string): Promise<Checked<readonly Tensor[]>> {
  try {
    return await readTensorFile(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return { ok: false, problem: 'not there' };
    throw error;
  }
}

async function readShards(
  folder: string,
  names: readonly string[],
): Promise<Checked<ReadonlyMap<string, readonly Tensor[]>>> {
  const files = names.filter((name) => /^model.*\.safetensors$/.test(name)).sort();
  if (files.length === 0) return { ok: false, problem: `${basename(folder)}: no model*.safetensors in it` };
  const missing = shardSetProblem(files);
  if (missing !== null) return { ok: false, problem: `${basename(folder)}: ${missing}` };
  const shards = new Map<string, readonly Tensor[]>();
  const read = await Promise.all(files.map((file) => tensorFileOrProblem(join(folder, file))));
  for (const [index, file] of files.entries()) {
    const tensors = read[index];
    if (tensors?.ok !== true) return { ok: false, problem: `${file}: ${tensors?.problem ?? 'not read'}` };
    if (tensors.value.length === 0) return { ok: false, problem: `${file}: no tensor in it` };
    shards.set(file, tensors.value);
  }
  return { ok: true, value: shards };
}

async function tokenizerProblem(folder: string, names: readonly string[]): Promise<string | null> {
  const file = tokenizerFiles.find((name) => names.includes(name));
  if (file === undefined) return `${tokenizerFiles[0]}: not there`;
  if ((await stat(join(folder, file))).size === 0) return `${file}: empty`;
  if (!file.endsWith('.json')) return null;
  const json = await readJson(join(folder, file));
  return json.ok ? null : `${file}: ${json.problem}`;
}

async function readJson(path: string): Promise<Checked<Record<string, unknown>>> {
  const text = await readText(path);
  if (text === null) return { ok: false, problem: 'not there' };
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return { ok: true, value: { ...value } };
    return { ok: false, problem: 'no JSON object' };
  } catch (error) {
    return { ok: false, problem: `not JSON (${error instanceof Error ? error.message : String(error)})` };
  }
}

function quantizationOf(config: Record<string, unknown>): Quantization | null {
  const { quantization: section } = config;
  if (typeof section !== 'object' || section === null || !('bits' in section) || !('group_size' in section))
    return null;
  const { bits, group_size } = section;
  return typeof bits === 'number' && typeof group_size === 'number' ? { bits, group_size } : null;
}

async function listFolder(folder: string): Promise<string[] | null> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

async function folderBytes(folder: string, names: readonly string[]): Promise<number> {
  const sizes = await Promise.all(
    names.map(async (name) => {
      const entry = await stat(join(folder, name));
      return entry.isFile() ? entry.size : 0;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
