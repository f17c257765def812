import { cp, mkdir, open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { demoBase } from './real-stage.ts';

/** Bytes of a .safetensors header for float16 tensors of these sizes (bytes), its length in front. */
export function tensorHeader(tensors: Readonly<Record<string, number>>): Buffer {
  let at = 0;
  const header: Record<string, unknown> = { __metadata__: { format: 'mlx' } };
  for (const [name, bytes] of Object.entries(tensors)) {
    header[name] = { dtype: 'F16', shape: [bytes / 2], data_offsets: [at, at + bytes] };
    at += bytes;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text]);
}

const shardName = (part: number, of: number): string =>
  `model-${String(part).padStart(5, '0')}-of-${String(of).padStart(5, '0')}.safetensors`;

/** A model folder of `shards` whole shards with `bytes` of weights each, sparse on the disk; names of its shards. */
export async function writeShards(
  folder: string,
  { shards, bytes }: { readonly shards: number; readonly bytes: number },
): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json'])
    await cp(join(demoBase('A'), name), join(folder, name));
  const names = Array.from({ length: shards }, (_, index) => shardName(index + 1, shards));
  const map: Record<string, string> = {};
  for (const [index, name] of names.entries()) {
    const tensors = { [`model.layers.${index}.weight`]: bytes / 2, [`model.layers.${index}.bias`]: bytes / 2 };
    for (const tensor of Object.keys(tensors)) map[tensor] = name;
    const header = tensorHeader(tensors);
    await writeFile(join(folder, name), header);
    await truncate(join(folder, name), header.length + bytes);
  }
  await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));
  return names;
}

/** Changes one byte of a file in place. */
export async function flipByte(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0] = byte[0]! ^ 0x10;
    await file.write(byte, 0, 1, at);
  } finally {
    await file.close();
  }
}
