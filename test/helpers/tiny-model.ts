import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Name -> shape; all are F32 zeros. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

/** The bytes of a whole .safetensors file. `isMlx`: as mlx writes it, so that names are those of mlx_lm's layers. */
export function tensorFile(shapes: Shapes, isMlx = true): Buffer {
  let at = 0;
  const header: Record<string, unknown> = isMlx ? { __metadata__: { format: 'mlx' } } : {};
  for (const [name, shape] of Object.entries(shapes)) {
    const bytes = 4 * shape.reduce((product, length) => product * length, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + bytes] };
    at += bytes;
  }
  return Buffer.concat([headerBytes(JSON.stringify(header)), Buffer.alloc(at)]);
}

/** A header of a .safetensors file, its length in front. */
export function headerBytes(header: string): Buffer {
  const text = Buffer.from(header);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([prefix, text]);
}

/** Tensors of a model of `layers` blocks: attention, an MLP and a norm each. */
export function layerShapes(layers: number): Shapes {
  const blocks = Array.from({ length: layers }, (_, layer) => ({
    [`model.layers.${layer}.self_attn.q_proj.weight`]: [8, 4],
    [`model.layers.${layer}.self_attn.q_proj.bias`]: [8],
    [`model.layers.${layer}.mlp.up_proj.weight`]: [16, 4],
    [`model.layers.${layer}.input_layernorm.weight`]: [4],
  }));
  return Object.assign({ 'model.embed_tokens.weight': [32, 4] }, ...blocks);
}

/** A model folder that is whole by its headers; nothing can load it. */
export async function tinyModel(
  folder: string,
  { shapes = { 'model.embed_tokens.weight': [32, 4] }, config = {}, isMlx = true }: TinyModel = {},
): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify({ model_type: 'qwen3', ...config }));
  await writeFile(join(folder, 'model.safetensors'), tensorFile(shapes, isMlx));
  await writeFile(join(folder, 'tokenizer.json'), '{}');
  return folder;
}

interface TinyModel {
  readonly shapes?: Shapes;
  readonly config?: object;
  readonly isMlx?: boolean;
}

/** A folder with an adapter of one layer, as mlx_lm leaves it. `weights`: names of its files. */
export async function tinyAdapter(folder: string, weights: readonly string[], config: object = {}): Promise<void> {
  await mkdir(folder, { recursive: true });
  const settings = { fine_tune_type: 'lora', num_layers: 1, lora_parameters: { rank: 2, scale: 20, dropout: 0 } };
  await writeFile(join(folder, 'adapter_config.json'), JSON.stringify({ ...settings, ...config }));
  const layer = 'model.layers.0.self_attn.q_proj';
  const bytes = tensorFile({ [`${layer}.lora_a`]: [4, 2], [`${layer}.lora_b`]: [2, 8] });
  for (const name of weights) await writeFile(join(folder, name), bytes);
}
