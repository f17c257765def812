import { mkdir, open, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { elements, shapeOfName, weightsOf } from '../../../src/core/mlx/model-shape.ts';
import { proveModel, readModelFolder, readModelShape } from '../../../src/io/model/model-folder.ts';
import { stageErrorOf } from '../../helpers/real-stage.ts';
import { tempDir } from '../../helpers/temp.ts';

const gigabyte = 2 ** 30;

/** A safetensors file of `bytes` bytes of one F16 tensor; its data is a hole. */
async function sparseShard(path: string, tensor: string, bytes: number): Promise<void> {
  const header = JSON.stringify({ [tensor]: { dtype: 'F16', shape: [bytes / 2], data_offsets: [0, bytes] } });
  const prefix = new DataView(new ArrayBuffer(8));
  prefix.setBigUint64(0, BigInt(header.length), true);
  const handle = await open(path, 'w');
  try {
    await handle.write(new Uint8Array(prefix.buffer));
    await handle.write(header);
    await handle.truncate(8 + header.length + bytes);
  } finally {
    await handle.close();
  }
}

const shard = (part: number, of: number): string =>
  `model-${String(part).padStart(5, '0')}-of-${String(of).padStart(5, '0')}.safetensors`;

async function sparseModel(shards: number, bytes: number): Promise<string> {
  const folder = await tempDir('model');
  const weight_map: Record<string, string> = {};
  for (let part = 1; part <= shards; part++) {
    weight_map[`layers.${part}.weight`] = shard(part, shards);
    await sparseShard(join(folder, shard(part, shards)), `layers.${part}.weight`, bytes);
  }
  await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map }));
  await writeFile(join(folder, 'config.json'), '{"quantization": {"bits": 5, "group_size": 64}}');
  await writeFile(join(folder, 'tokenizer.json'), '{}');
  return folder;
}

const problemOf = async (folder: string): Promise<string> => {
  const model = await readModelFolder(folder);
  return model.whole ? 'whole' : model.problem;
};

describe('io/model-folder', () => {
  it('reads 57 GB in 12 shards by their headers', async () => {
    const each = 4.75 * gigabyte;
    const model = await readModelFolder(await sparseModel(12, each));
    if (!model.whole) throw new Error(model.problem);
    expect(model.tensors).to.have.length(12);
    expect(model.bytes).to.be.within(57 * gigabyte, 57 * gigabyte + 10_000);
    const weights = weightsOf(model.tensors, model.config);
    expect(weights.reduce((sum, weight) => sum + elements(weight), 0)).to.equal((12 * each) / 2);
  });

  it("names file and problem of the user's GPU time-outs: 9.9 GB instead of 20", async () => {
    const folder = await sparseModel(4, 5 * gigabyte);
    await truncate(join(folder, shard(2, 4)), 4 * gigabyte);
    const error = await stageErrorOf(proveModel(folder));
    expect(error.code).to.equal('OUTPUT_DAMAGED');
    expect(error.message).to.contain(join(folder, `${shard(2, 4)}: cut: `));
  });

  it('wants config, tokenizer, every shard and an index that fits', async () => {
    const broken: readonly (readonly [string, string | null, RegExp])[] = [
      ['config.json', null, /config\.json: not there/],
      ['config.json', '{', /config\.json: not JSON/],
      ['tokenizer.json', null, /tokenizer\.json: not there/],
      ['tokenizer.json', '', /tokenizer\.json: empty/],
      [shard(2, 2), null, /shard 2 of 2 is missing/],
      [shard(1, 2), '', /0 bytes are too few/],
      ['model.safetensors.index.json', '{"weight_map": {}}', /does not name tensor/],
    ];
    for (const [file, text, problem] of broken) {
      const folder = await sparseModel(2, 1000);
      await rm(join(folder, file));
      if (text !== null) await writeFile(join(folder, file), text);
      expect(await problemOf(folder)).to.match(problem);
    }
    expect(await problemOf('/nowhere')).to.contain('does not exist');
    const empty = await tempDir('model');
    await mkdir(join(empty, 'x'));
    await writeFile(join(empty, 'config.json'), '{}');
    await writeFile(join(empty, 'tokenizer.json'), '{}');
    expect(await problemOf(empty)).to.contain('no model*.safetensors');
  });

  it('proves one file too', async () => {
    const folder = await sparseModel(1, 1000);
    await proveModel(join(folder, shard(1, 1)));
    expect((await stageErrorOf(proveModel(join(folder, 'none.safetensors')))).message).to.contain('not there');
  });

  it('falls back on the name for a model that is not here', async () => {
    expect(await readModelShape('Qwen/Qwen3-14B', null)).to.deep.equal(shapeOfName('Qwen3-14B'));
    expect(await readModelShape('Qwen/Qwen3-14B', '/nowhere')).to.deep.include({ about: false });
    expect(await readModelShape('a/b', null)).to.equal(null);
  });
});
