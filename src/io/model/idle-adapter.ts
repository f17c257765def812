import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { jsonOrNull } from '../../core/json.ts';
import { isMapping } from '../../core/mapping.ts';
import type { Tensor } from '../../core/mlx/safetensors.ts';
import { files } from '../../events/stages/mlx.ts';
import { ifCode, readText, useFile } from '../disk/files.ts';
import type { TensorFile } from '../thread/parse-tensors.ts';
import { tensorFileOrFault } from './tensor-file.ts';

/**
 * True for an adapter whose weights (a .safetensors file next to its adapter_config.json) add zero to every layer: for
 * LoRA the scale is 0, or one of the two matrices of each layer. In a trained adapter, the first layer already shows
 * that it has an effect. False also if the file is missing or unreadable, which is reported where it is loaded.
 */
export async function addsNothing(weights: string): Promise<boolean> {
  const read = await tensorFileOrFault(weights);
  if (!read.ok) return false;
  const { isDora, scale, rank } = await settingsOf(dirname(weights));
  // DoRA learns magnitudes too. They follow from the base alone as long as no step was made, and then lora_b is zero.
  // With scale or rank 0, lora_b stays zero although they were learned.
  if (isDora && (scale === 0 || rank === 0)) return false;
  const layers = layersOf(read.value);
  if (layers.length === 0) return false;
  if (scale === 0) return true;
  return eachIsZero(weights, read.value, isDora ? layers.map(({ b }) => [b]) : layers.map(({ a, b }) => [b, a]));
}

interface Layer {
  readonly a: Tensor;
  readonly b: Tensor;
}

function layersOf({ tensors }: TensorFile): Layer[] {
  const named = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  return tensors.flatMap((a) => {
    const b = a.name.endsWith('.lora_a') ? named.get(a.name.replace(/a$/, 'b')) : undefined;
    return b === undefined ? [] : [{ a, b }];
  });
}

async function settingsOf(folder: string): Promise<{ isDora: boolean; scale: unknown; rank: unknown }> {
  const value = jsonOrNull((await readText(join(folder, files.adapterConfig))) ?? '');
  const config = isMapping(value) ? value : {};
  const { scale, rank } = isMapping(config.lora_parameters) ? config.lora_parameters : {};
  return { isDora: config.fine_tune_type === 'dora', scale, rank };
}

/** True if at least one tensor of every list is all zeros. */
const eachIsZero = (path: string, { dataStart }: TensorFile, lists: readonly Tensor[][]): Promise<boolean> =>
  useFile(open(path, 'r'), async (file) => {
    for (const list of lists) if (!(await someIsZero(file, dataStart, list))) return false;
    return true;
  }).catch(ifCode(false, 'ENOENT', 'EACCES'));

async function someIsZero(handle: FileHandle, dataStart: number, list: readonly Tensor[]): Promise<boolean> {
  for (const tensor of list) if (await isZero(handle, dataStart, tensor)) return true;
  return false;
}

const chunkBytes = 2 ** 20;
const minusZero = 0x80;

/** Zeros of both signs, in any float type: all bytes are 0 apart from the first bit of a value's last byte. */
async function isZero(handle: FileHandle, dataStart: number, { dtype, begin, end }: Tensor): Promise<boolean> {
  const width = dtype === 'F32' ? 4 : dtype === 'F64' ? 8 : 2;
  const buffer = Buffer.alloc(Math.min(chunkBytes, end - begin));
  for (let at = begin; at < end; at += buffer.length) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, end - at), dataStart + at);
    const chunk = buffer.subarray(0, bytesRead);
    if (chunk.some((byte, index) => byte !== 0 && !(byte === minusZero && index % width === width - 1))) return false;
  }
  return true;
}
