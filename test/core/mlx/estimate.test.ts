import { expect } from 'chai';
import { sizeText } from '../../../src/core/format.ts';
import { layerCounts, modelBytes, runDisk, trainableParameters } from '../../../src/core/mlx/estimate.ts';
import { elements, type ModelShape, shapeOfName } from '../../../src/core/mlx/model-shape.ts';
import { evalSettings } from '../../../src/events/stages/eval.ts';
import { withDefaults } from '../../../src/events/stages/train.ts';
import type { StageName } from '../../../src/events/stages.ts';

const named = (name: string): ModelShape & { about: false } => {
  const shape = shapeOfName(name);
  if (shape === null || shape.about) throw new Error(`${name} is not known`);
  return shape;
};
const parametersOf = ({ weights }: ModelShape & { about: false }): number =>
  weights.reduce((sum, weight) => sum + elements(weight), 0);
const coder = named('mlx-community/Qwen3-Coder-30B-A3B-Instruct-4bit');
const dense = named('mlx-community/Qwen3-14B-4bit');
const train = withDefaults({ iters: 800, num_layers: 8, save_every: 200 });
const chains: Record<string, StageName[]> = {
  direct: ['train', 'fuse', 'cleanup', 'eval'],
  two_step: ['train', 'fuse', 'quantize', 'cleanup', 'eval'],
  none: ['train', 'cleanup', 'eval'],
};
const plan = (mode: 'direct' | 'two_step' | 'none', keep_checkpoints: 'all' | 'selected' = 'all') => ({
  chain: chains[mode] ?? [],
  settings: {
    train,
    fuse: { mode, q_bits: 5 as const, q_group_size: 64 as const },
    cleanup: { keep_checkpoints, keep_model: 'all' as const },
    select: { by: 'last' as const },
    eval: evalSettings.parse({ suite: '/none.yaml' }),
  },
});

describe('core/estimate', () => {
  it('knows the parameters of models that are not here', () => {
    expect(parametersOf(coder)).to.equal(30_532_122_624);
    expect(parametersOf(dense)).to.equal(14_768_307_200);
    expect(parametersOf(named('Qwen/Qwen3-8B'))).to.equal(8_190_735_360);
    expect(parametersOf(named('Qwen3-4B-Instruct-2507-4bit'))).to.equal(4_022_468_096);
    expect(parametersOf(named('Qwen3-32B'))).to.equal(32_762_123_264);
  });

  it('reserves room for the adapter that a selection takes, and for its answers', () => {
    const { settings } = plan('direct', 'selected');
    const chosen = { chain: ['train', 'select', 'fuse', 'cleanup', 'eval'] as StageName[], settings };
    const adapter = 4 * 70_459_392;
    const select = runDisk(coder, chosen).stages.find(({ stage }) => stage === 'select');
    expect(select?.writes).to.be.within(adapter, adapter + 2 ** 20);
    const frees = (run: typeof chosen): number =>
      Math.max(...runDisk(coder, run).stages.map((one) => (one.stage === 'train' ? 0 : one.frees)));
    expect(frees(plan('direct', 'selected'))).to.equal(4 * adapter);
    expect(frees(chosen), 'the selected one stays').to.equal(3 * adapter);
  });

  it('reserves room for three states of a training, which it frees itself', () => {
    const adapter = 4 * 70_459_392;
    const [train] = runDisk(coder, plan('direct')).stages;
    expect(train?.stage).to.equal('train');
    expect((train?.writes ?? 0) - (train?.frees ?? 0)).to.be.within(5 * adapter, 5 * adapter + 2 ** 20);
    expect(train?.frees).to.equal(3 * 3 * adapter);
  });

  it("counts the user's trainable parameters: 70.459M of experiment A", () => {
    expect(trainableParameters(coder.weights, train)).to.equal(70_459_392);
    expect(trainableParameters(coder.weights, { ...train, num_layers: -1 })).to.equal((70_459_392 / 8) * 48);
    expect(
      trainableParameters(coder.weights, { ...train, lora_parameters: { rank: 16, keys: ['self_attn.q_proj'] } }),
    ).to.equal(8 * 16 * (4096 + 2048));
  });

  it('counts the layers of a model, and those that get an adapter', () => {
    expect(layerCounts(coder, train)).to.deep.equal({ count: 48, adapted: 8 });
    expect(layerCounts(coder, { ...train, num_layers: 0 })).to.deep.equal({ count: 48, adapted: 48 });
    const keys = { rank: 8, keys: ['mlp.gate'] };
    expect(layerCounts(dense, { ...train, lora_parameters: keys })).to.deep.equal({ count: 40, adapted: 0 });
    expect(layerCounts({ about: true, parameters: 7e9, source: 'its name' }, train)).to.equal(null);
  });

  it('tells the 57 GB that `direct` avoids, and 20 GB that stay', () => {
    const disk = runDisk(coder, plan('direct'));
    expect([disk.avoided, disk.final].map(sizeText)).to.deep.equal(['57 GB', '20 GB']);
    expect(sizeText(disk.peak)).to.equal('21 GB');
    const old = runDisk(coder, plan('two_step'));
    expect(sizeText(old.peak)).to.equal('78 GB');
    expect(old.avoided).to.equal(0);
    expect(old.stays).to.be.closeTo(disk.stays, 1e6);
  });

  it('says about 40-50 GB for the two steps of B', () => {
    const disk = runDisk(dense, plan('two_step'));
    expect(disk.peak / 2 ** 30).to.be.within(35, 50);
    expect(runDisk(dense, plan('direct')).peak / 2 ** 30).to.be.within(9, 11);
  });

  it('counts checkpoints, and what cleanup takes away of them', () => {
    const adapter = 70_459_392 * 4;
    const all = runDisk(coder, plan('none'));
    expect(all.stays).to.be.closeTo(adapter * 5, 1e6);
    expect(runDisk(coder, plan('none', 'selected')).stays).to.be.closeTo(adapter, 1e6);
    expect(all.final).to.equal(0);
  });

  it('goes by the size in a name, and says about; null without one', () => {
    const shape = shapeOfName('someone/Llama-3.2-3B-Instruct-4bit');
    expect(shape).to.deep.include({ about: true, parameters: 3e9 });
    expect(shapeOfName('someone/my-model')).to.equal(null);
    expect(shapeOfName('someone/tiny-500M')).to.deep.include({ parameters: 5e8 });
    if (shape) expect(sizeText(modelBytes(shape, null, 64))).to.equal('5.6 GB');
  });
});

describe('core/disk', () => {
  it('prints sizes as du -h does', () => {
    expect([0, 999, 1024, 201 * 1024, 5.13 * 2 ** 30, 56.87 * 2 ** 30, 999.9 * 2 ** 20].map(sizeText)).to.deep.equal([
      ...['0 bytes', '999 bytes', '1.0 KB', '201 KB', '5.1 GB', '57 GB', '1.0 GB'],
    ]);
  });
});
