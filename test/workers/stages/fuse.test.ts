import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { getAt } from '../../../src/core/mapping.ts';
import { runDisk } from '../../../src/core/mlx/estimate.ts';
import { elements, weightsOf } from '../../../src/core/mlx/model-shape.ts';
import type { Run } from '../../../src/events/run.ts';
import { folderBytes } from '../../../src/io/host/disk-usage.ts';
import { proveModel, readModelFolder, readModelShape } from '../../../src/io/model/model-folder.ts';
import { contentHash } from '../../../src/io/thread/content-hash.ts';
import { stage as cleanup } from '../../../src/workers/stages/cleanup.ts';
import { stage as fuse } from '../../../src/workers/stages/fuse.ts';
import { stage as quantize } from '../../../src/workers/stages/quantize.ts';
import type { Input } from '../../../src/workers/stages/stage.ts';
import { stage as train } from '../../../src/workers/stages/train.ts';
import { demoRun, realContext, runStage, stageErrorOf, tensorHashes } from '../../helpers/real-stage.ts';
import { tempDir } from '../../helpers/temp.ts';

type Fuse = Run['settings']['fuse'];
const twoStep: Fuse = { mode: 'two_step', q_bits: 5, q_group_size: 64 };

async function trained(name: 'A' | 'B', over: Parameters<typeof demoRun>[1] = {}): Promise<Input<'train'>> {
  return runStage(train, {}, { run: demoRun(name, over), dir: join(await tempDir('chain'), '1-train') });
}

async function whatIsIn(folder: string): Promise<string> {
  const model = await readModelFolder(folder);
  if (!model.whole) return model.problem;
  const parameters = weightsOf(model.tensors, model.config).reduce((sum, weight) => sum + elements(weight), 0);
  return `${parameters} parameters, ${getAt(model.config, ['quantization', 'bits']) ?? 'no'} bits`;
}

/** mlx_lm's own count of a model's parameters. */
async function countOfMlx(folder: string): Promise<number> {
  const index = JSON.parse(await readFile(join(folder, 'model.safetensors.index.json'), 'utf8'));
  return index.metadata.total_parameters;
}

/** Within 10 % or 64 KB. */
function expectNear(estimate: number, real: number): void {
  expect(Math.abs(estimate - real), `estimate ${estimate}, real ${real}`).to.be.at.most(Math.max(real / 10, 65_536));
}

describe('workers/fuse, quantize and cleanup with the real mlx_lm', () => {
  for (const name of ['A', 'B'] as const) {
    it(`${name}: direct and two_step give the same model, and the disk that was estimated`, async () => {
      const selected = { keep_checkpoints: 'selected', keep_model: 'all' } as const;
      const chain = ['train', 'fuse', 'quantize', 'cleanup', 'eval'] as const;
      const run = demoRun(name, { fuse: twoStep, cleanup: selected, chain: [...chain] });
      const base = run.model?.folder ?? '';
      const made = await trained(name, { fuse: twoStep });
      const at = (folder: string): string => join(made.folder, '..', folder);
      const direct = await runStage(fuse, { train: made }, { run: demoRun(name), dir: at('direct') });
      const floats = await runStage(fuse, { train: made }, { run, dir: at('3-fuse') });
      const final = await runStage(quantize, { fuse: floats }, { run, dir: at('4-quantize') });
      expect(await tensorHashes(join(direct.folder, 'model'))).to.deep.equal(
        await tensorHashes(join(final.folder, 'model')),
      );
      const parameters = await countOfMlx(join(floats.folder, 'model'));
      expect(await whatIsIn(base)).to.equal(`${parameters} parameters, 4 bits`);
      expect(await whatIsIn(join(floats.folder, 'model'))).to.equal(`${parameters} parameters, no bits`);
      expect(await whatIsIn(join(final.folder, 'model'))).to.equal(`${parameters} parameters, 5 bits`);
      const adapter = join(made.folder, made.made.adapter, 'adapters.safetensors');
      expect(floats.seen.inputs).to.deep.equal({ base: await contentHash(base), adapter: await contentHash(adapter) });
      expect(final.seen.inputs).to.deep.equal({ model: await contentHash(join(floats.folder, 'model')) });

      const shape = await readModelShape('', base);
      if (shape === null) throw new Error('no shape');
      const disk = runDisk(shape, run);
      const writes = (stage: string): number => disk.stages.find((one) => one.stage === stage)?.writes ?? 0;
      // The states of the training are removed at its end.
      const { frees } = disk.stages.find(({ stage }) => stage === 'train') ?? { frees: 0 };
      expectNear(writes('train') - frees, await folderBytes(made.folder));
      expectNear(writes('fuse'), await folderBytes(floats.folder));
      expectNear(writes('quantize'), await folderBytes(final.folder));
      expectNear(disk.final, await folderBytes(join(direct.folder, 'model')));

      const folders = { train: made.folder, fuse: floats.folder };
      const inputs = { train: made, fuse: floats, quantize: final };
      const before = await folderBytes(made.folder);
      const cleaned = await runStage(cleanup, inputs, { run, dir: at('5-cleanup'), folders });
      expect(cleaned.seen.removed).to.deep.equal([
        ['fuse', ['model']],
        ['train', ['adapter/0000004_adapters.safetensors']],
        ['train', ['adapter/0000008_adapters.safetensors']],
      ]);
      expectNear(disk.stages.find((one) => one.stage === 'cleanup')?.frees ?? 0, cleaned.made.freed_bytes);
      expect((await readdir(join(made.folder, 'adapter'))).sort()).to.deep.equal([
        'adapter_config.json',
        'adapters.safetensors',
      ]);
      expect(await folderBytes(made.folder)).to.be.lessThan(before);
      await proveModel(join(final.folder, 'model'));
    });
  }

  it('fuses the checkpoint that was asked for, and leaves nothing else behind', async () => {
    const source = await trained('B');
    const adapter = join(source.folder, 'adapter');
    const sha256 = await contentHash(adapter);
    const from = { adapter, checkpoint: 4, sha256 };
    const run = demoRun('B', { from, chain: ['fuse', 'cleanup', 'eval'] });
    const dir = join(await tempDir('fuse'), 'a b');
    const first = await runStage(fuse, { outside: from }, { run, dir });
    expect(await readdir(dir))
      .to.include('model')
      .and.not.include('chosen-adapter');
    expect(first.seen.inputs.adapter).to.equal(await contentHash(join(adapter, '0000004_adapters.safetensors')));
    const outside = { ...from, checkpoint: null };
    const lastRun = { ...run, from: outside };
    const second = await runStage(fuse, { outside }, { run: lastRun, dir: join(await tempDir('fuse'), 'b') });
    expect(await tensorHashes(join(dir, 'model'))).to.not.deep.equal(await tensorHashes(join(second.folder, 'model')));

    await writeFile(join(adapter, '0000004_adapters.safetensors'), 'changed');
    const error = await stageErrorOf(runStage(fuse, { outside: from }, { run, dir: join(await tempDir('fuse'), 'c') }));
    expect(error.code).to.equal('INPUT_CHANGED');
  });

  it('leaves q_bits: null unquantized', async () => {
    const source = await trained('B');
    const raw: Fuse = { mode: 'direct', q_bits: null, q_group_size: 64 };
    const run = demoRun('B', { fuse: raw });
    const { folder } = await runStage(fuse, { train: source }, { run, dir: join(await tempDir('fuse'), 'raw') });
    const parameters = await countOfMlx(join(folder, 'model'));
    expect(await whatIsIn(join(folder, 'model'))).to.equal(`${parameters} parameters, no bits`);
  });

  it('keeps the float model when the quantized one is not whole', async () => {
    const folder = await tempDir('cleanup');
    const run = demoRun('B', { fuse: twoStep });
    const [floats, final] = [join(folder, 'f'), join(folder, 'q')];
    for (const path of [floats, final]) await mkdir(join(path, 'model'), { recursive: true });
    await writeFile(join(floats, 'model/model.safetensors'), 'precious');
    const inputs = {
      fuse: { folder: floats, made: { model: 'model' } },
      quantize: { folder: final, made: { model: 'model' } },
    };
    const dir = join(folder, 'c');
    const error = await stageErrorOf(runStage(cleanup, inputs, { run, dir, folders: { fuse: floats } }));
    expect(error.code).to.equal('MISSING_INPUT');
    expect(await readdir(join(floats, 'model'))).to.deep.equal(['model.safetensors']);
  });

  it('touches nothing of the run that it comes from', async () => {
    const run = demoRun('B', {
      cleanup: { keep_checkpoints: 'selected', keep_model: 'all' },
      chain: ['fuse', 'cleanup', 'eval'],
    });
    const made = { adapter: 'adapter', checkpoints: [{ iteration: 4, file: 'adapter/x' }], iterations: 4 };
    const losses = { train_loss: null, val_loss: null, profile: null, warm_restart: false };
    const input = { folder: '/nowhere', made: { ...made, ...losses } };
    const result = await runStage(cleanup, { train: input }, { run, dir: await tempDir('cleanup') });
    expect(result.made).to.deep.equal({ removed: [], freed_bytes: 0 });
    expect(result.seen.removed).to.deep.equal([]);
  });

  it('refuses a fused model that is cut', async () => {
    const source = await trained('B');
    const run = demoRun('B');
    const { folder, made } = await runStage(fuse, { train: source }, { run, dir: join(await tempDir('fuse'), 'm') });
    await truncate(join(folder, 'model/model.safetensors'), 50_000);
    const { context } = realContext(run, folder);
    const error = await stageErrorOf(Promise.resolve(fuse.verify?.(made, context)));
    expect(error.code).to.equal('OUTPUT_DAMAGED');
    expect(error.message).to.contain('model.safetensors').and.contain('cut');
  });
});
