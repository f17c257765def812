import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { messageOf } from '../../core/errors.ts';
import { isMapping, type Mapping } from '../../core/mapping.ts';
import { impostor, type ModelFault, otherForm, signatureBytes } from '../../core/mlx/model-fault.ts';
import type { ModelFolder } from '../../core/mlx/model-support.ts';
import { refusedStart } from '../../core/mlx/python.ts';
import { indexProblem, shardSetProblem } from '../../core/mlx/safetensors.ts';
import { parseTolerant } from '../../core/score/tolerant-json.ts';
import { ifAbsent } from '../disk/files.ts';
import { filesBytes } from '../host/disk-usage.ts';
import {
  damaged,
  missing,
  mostTensors,
  parseTensorFile,
  type Read,
  readOpened,
  smallJson,
  type TensorFile,
  tooManyTensors,
} from './parse-tensors.ts';

export const indexFile = 'model.safetensors.index.json';
/** One of these is enough. They are tried in this order. */
const tokenizers = ['tokenizer.json', 'tokenizer.model', 'vocab.json', 'tiktoken.model', 'vocab.txt', 'tekken.json'];
const otherTokenizers = /\.tiktoken$|^(?:spiece|sentencepiece\.bpe)\.model$|^tokenization_\w+\.py$/;
/** Read if they exist, though not JSON: a template that is an LFS pointer would be taught without an error. */
const tokenizerExtras = ['tokenizer_config.json', 'chat_template.jinja'];

const broken = (fault: ModelFault, file?: string): ModelFolder => ({
  ...fault,
  whole: false,
  problem: file === undefined ? fault.problem : `${file}: ${fault.problem}`,
});

/** `readModelFolder` on this thread, however large the files are. */
export async function parseModelFolder(folder: string): Promise<ModelFolder> {
  const names = await listFolder(folder);
  if (names === null) return broken({ kind: 'missing', problem: `${folder} does not exist or is not a folder` });
  const config = await readJson(join(folder, 'config.json'), smallJson);
  if (!config.ok) return broken(namesOtherForm(config.fault, names) ?? config.fault, 'config.json');
  const shards = await readShards(folder, names);
  if (!shards.ok) return broken(shards.fault);
  const index = names.includes(indexFile) ? await indexFault(folder, shards.value) : null;
  if (index !== null) return broken(index, indexFile);
  const tokenizer = await tokenizerFault(folder, names);
  if (tokenizer !== null) return broken(tokenizer);
  const tensors = [...shards.value.values()].flatMap((file) => file.tensors);
  if (tensors.length > mostTensors) return broken(tooManyTensors);
  return {
    whole: true,
    tensors,
    isMlx: [...shards.value.values()].every(({ isMlx }) => isMlx),
    bytes: await filesBytes(folder),
    config: config.value,
  };
}

async function readShards(folder: string, names: readonly string[]): Promise<Read<ReadonlyMap<string, TensorFile>>> {
  const files = names.filter((name) => /^model.*\.safetensors$/.test(name)).sort();
  if (files.length === 0) {
    const nothing: ModelFault = { kind: 'missing', problem: 'it has no model*.safetensors' };
    const fault = namesOtherForm(nothing, names) ?? nothing;
    return { ok: false, fault: { ...fault, problem: `${basename(folder)}: ${fault.problem}` } };
  }
  const lacking = shardSetProblem(files);
  if (lacking !== null) return missing(`${basename(folder)}: ${lacking}`);
  const shards = new Map<string, TensorFile>();
  const read = await Promise.all(files.map((file) => parseTensorFile(join(folder, file))));
  for (const [index, file] of files.entries()) {
    const one = read[index];
    if (one === undefined) continue;
    if (!one.ok) return { ok: false, fault: { ...one.fault, problem: `${file}: ${one.fault.problem}` } };
    shards.set(file, one.value);
  }
  return { ok: true, value: shards };
}

/** A missing file may be one that this kind of model does not have. */
const namesOtherForm = (fault: ModelFault, names: readonly string[]): ModelFault | null => {
  const form = fault.kind === 'missing' ? otherForm(names) : null;
  return form === null ? null : { ...form, problem: `${fault.problem}; ${form.problem}` };
};

async function indexFault(folder: string, shards: ReadonlyMap<string, TensorFile>): Promise<ModelFault | null> {
  const index = await readJson(join(folder, indexFile));
  if (!index.ok) return index.fault;
  const tensorNames = new Map([...shards].map(([file, { tensors }]) => [file, tensors.map(({ name }) => name)]));
  const problem = indexProblem(index.value, tensorNames);
  if (problem === null) return null;
  return { kind: /which is not there$/.test(problem) ? 'missing' : 'damaged', problem };
}

/** The files in an index of shards, or none if it cannot be read. */
export async function parseShardNames(index: string): Promise<readonly string[]> {
  const read = await readJson(index);
  if (!read.ok || !isMapping(read.value.weight_map)) return [];
  const names = new Set(Object.values(read.value.weight_map));
  return [...names].filter((name): name is string => typeof name === 'string' && !name.includes('..'));
}

async function tokenizerFault(folder: string, names: readonly string[]): Promise<ModelFault | null> {
  const file = tokenizers.find((name) => names.includes(name)) ?? names.find((name) => otherTokenizers.test(name));
  if (file === undefined) return { kind: 'missing', problem: `${tokenizers[0]}: not there, and no other tokenizer is` };
  for (const name of [file, ...tokenizerExtras.filter((one) => names.includes(one))]) {
    const path = join(folder, name);
    const read = name.endsWith('.json') ? await readJson(path) : await readStart(path);
    if (!read.ok) return { ...read.fault, problem: `${name}: ${read.fault.problem}` };
  }
  return null;
}

/** For a file that is not read as a whole: it exists, is not empty, and is not a pointer. */
const readStart = (path: string): Promise<Read<null>> =>
  readOpened(path, async (file) => {
    const start = new Uint8Array(signatureBytes);
    const { bytesRead } = await file.read(start, 0, signatureBytes, 0);
    // An empty template or vocabulary was not saved on purpose.
    if (bytesRead === 0) return damaged('empty');
    const fault = impostor(start);
    return fault === null ? { ok: true, value: null } : { ok: false, fault };
  });

/** Bytes: the largest tokenizer.json has a tenth of this. */
const mostJsonBytes = 2 ** 28;

const readJson = (path: string, most = mostJsonBytes): Promise<Read<Mapping>> =>
  readOpened(path, async (handle) => {
    const { size } = await handle.stat();
    if (size > most) return damaged(`${size} bytes; allowed: at most ${most}`);
    const bytes = await handle.readFile();
    const other = impostor(bytes);
    if (other !== null) return { ok: false, fault: other };
    const text = bytes.toString();
    const refused = refusedStart(text);
    if (refused !== null) return damaged(refused);
    try {
      const value = parseTolerant(text);
      return isMapping(value) ? { ok: true, value } : damaged('not a JSON object');
    } catch (error) {
      return damaged(`not JSON (${messageOf(error)})`);
    }
  });

const listFolder = (folder: string): Promise<string[] | null> => readdir(folder).catch(ifAbsent(null));
