import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { addsNothing } from '../../../src/io/model/idle-adapter.ts';
import { tempDir } from '../../helpers/temp.ts';
import { tensorFile } from '../../helpers/tiny-model.ts';

const layer = (index: number, more: object = {}) => ({
  [`model.layers.${index}.q.lora_a`]: [64, 8],
  [`model.layers.${index}.q.lora_b`]: [8, 64],
  ...more,
});
/** Bytes of a float32: the sign is the first bit of the last one. */
const [minusZero, tiny] = [
  [0, 0, 0, 0x80],
  [1, 0, 0, 0],
] as const;

/** An adapter of zeros in two layers; `set`: values in tensors, by name and place. */
async function adapter(
  set: readonly (readonly [name: string, place: number, value: readonly number[]])[],
  config = {},
) {
  const folder = join(await tempDir('idle'), 'adapter');
  const shapes: Record<string, readonly number[]> = { ...layer(0), ...layer(1) };
  const bytes = tensorFile(shapes);
  const start = 8 + Number(bytes.readBigUInt64LE());
  for (const [name, place, value] of set) {
    const before = Object.entries(shapes).slice(0, Object.keys(shapes).indexOf(name));
    const at = before.reduce((sum, [, [rows = 0, columns = 0]]) => sum + rows * columns, 0) + place;
    Buffer.from(value).copy(bytes, start + 4 * at);
  }
  const settings = { fine_tune_type: 'lora', num_layers: 2, lora_parameters: { rank: 8, scale: 20 } };
  await mkdir(folder);
  await writeFile(join(folder, 'adapter_config.json'), JSON.stringify({ ...settings, ...config }));
  const path = join(folder, 'adapters.safetensors');
  await writeFile(path, bytes);
  return path;
}

const [a0, b0, a1, b1] = [0, 1].flatMap((n) => ['a', 'b'].map((one) => `model.layers.${n}.q.lora_${one}`)) as [
  string,
  string,
  string,
  string,
];

describe('addsNothing', () => {
  const cases: readonly (readonly [name: string, Parameters<typeof adapter>, boolean])[] = [
    [
      'untrained: B is zero',
      [
        [
          [a0, 0, tiny],
          [a1, 0, tiny],
        ],
      ],
      true,
    ],
    [
      'zeros of both signs',
      [
        [
          [a0, 0, tiny],
          [b0, 7, minusZero],
          [b1, 511, minusZero],
        ],
      ],
      true,
    ],
    [
      'A is zero, B is not',
      [
        [
          [b0, 0, tiny],
          [b1, 0, tiny],
        ],
      ],
      true,
    ],
    [
      'the last value of the last layer is not',
      [
        [
          [a0, 0, tiny],
          [a1, 0, tiny],
          [b1, 511, tiny],
        ],
      ],
      false,
    ],
    [
      'scale 0',
      [
        [
          [a0, 0, tiny],
          [b0, 0, tiny],
        ],
        { lora_parameters: { rank: 8, scale: 0 } },
      ],
      true,
    ],
    [
      'DoRA without a step',
      [
        [
          [a0, 0, tiny],
          [a1, 0, tiny],
        ],
        { fine_tune_type: 'dora' },
      ],
      true,
    ],
    [
      'DoRA that learned magnitudes alone',
      [[[a0, 0, tiny]], { fine_tune_type: 'dora', lora_parameters: { rank: 8, scale: 0 } }],
      false,
    ],
    [
      'DoRA whose A alone is zero',
      [
        [
          [b0, 0, tiny],
          [b1, 0, tiny],
        ],
        { fine_tune_type: 'dora' },
      ],
      false,
    ],
  ];
  for (const [name, given, expected] of cases) {
    it(`${expected}: ${name}`, async () => {
      expect(await addsNothing(await adapter(...given))).to.equal(expected);
    });
  }

  it('says nothing of what is no adapter of mlx_lm, not there or cut', async () => {
    const folder = await tempDir('idle');
    await writeFile(join(folder, 'adapters.safetensors'), tensorFile({ 'model.layers.0.q.weight': [4, 4] }));
    expect(await addsNothing(join(folder, 'adapters.safetensors'))).to.equal(false);
    expect(await addsNothing(join(folder, 'none.safetensors'))).to.equal(false);
    await writeFile(join(folder, 'cut.safetensors'), 'x');
    expect(await addsNothing(join(folder, 'cut.safetensors'))).to.equal(false);
  });

  it('reads large weights to their end', async () => {
    const folder = await tempDir('idle');
    const shapes = { 'l.lora_a': [4, 4], 'l.lora_b': [1024, 1000] };
    const bytes = tensorFile(shapes);
    bytes[8 + Number(bytes.readBigUInt64LE())] = 1;
    const path = join(folder, 'adapters.safetensors');
    await writeFile(path, bytes);
    expect(await addsNothing(path)).to.equal(true);
    bytes[bytes.length - 2] = 1;
    await writeFile(path, bytes);
    expect(await addsNothing(path)).to.equal(false);
  });
});
