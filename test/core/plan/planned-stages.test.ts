import { join } from 'node:path';
import { expect } from 'chai';
import type { RunDraft, RunPlan } from '../../../src/core/config/lookups.ts';
import { type PlannedTools, plannedPlaces, stageCommands } from '../../../src/core/plan/planned-stages.ts';
import { shellLine } from '../../../src/core/shell.ts';
import { demoRun } from '../../helpers/real-stage.ts';

const places = (plans: readonly RunPlan[] = []): PlannedTools => ({
  ...{ python: 'py', baseModel: '/base', memoryLimit: 2 ** 34 },
  driver: (name) => `/drivers/${name}.py`,
  run: (id) => join('/artifacts', id),
  plans: new Map(plans.map((plan) => [plan.run, plan])),
});
const fuse = (mode: 'direct' | 'two_step' | 'none') => ({ mode, q_bits: 5 as const, q_group_size: 64 as const });
const lines = (run: RunDraft, plans: readonly RunPlan[] = []): string[] =>
  stageCommands(run, places(plans)).flatMap(({ stage, commands }) =>
    commands.map((one) => `${stage}: ${shellLine(one)}`),
  );

describe('core/planned-stages', () => {
  const plain = demoRun('B', { fuse: fuse('two_step'), chain: ['train', 'fuse', 'quantize', 'cleanup', 'eval'] });

  it('chains two_step: each stage reads what the one before it left', () => {
    expect(lines(plain).slice(2)).to.deep.equal([
      'fuse: py -m mlx_lm fuse --model /base --adapter-path /artifacts/B-s0/1-train/adapter --save-path model --dequantize',
      'quantize: py -m mlx_lm convert --hf-path /artifacts/B-s0/3-fuse/model --mlx-path model -q --q-bits 5 --q-group-size 64',
      'eval: py /drivers/serve.py --model /artifacts/B-s0/4-quantize/model --host 127.0.0.1 --port PORT',
    ]);
    expect(stageCommands(plain, places())[0]?.files[0]?.text).to.contain('model: /base\n');
  });

  it('lets a variant use the training of its plain run, never the model that the plain run made of it', () => {
    const from = { run: 'B-s0', after: 'train' } as const;
    const direct = {
      ...demoRun('B', { fuse: fuse('direct'), from, chain: ['fuse', 'cleanup', 'eval'] }),
      run: 'B-s0-d',
    };
    expect(lines(direct, [plain])).to.deep.equal([
      'fuse: py /drivers/fuse_direct.py --model /base --adapter /artifacts/B-s0/1-train/adapter --out model --q-bits 5 --q-group-size 64',
      'eval: py /drivers/serve.py --model /artifacts/B-s0-d/3-fuse/model --host 127.0.0.1 --port PORT',
    ]);
    const raw = {
      ...demoRun('B', { fuse: fuse('none'), from: { run: 'B-s0', after: 'quantize' }, chain: ['eval'] }),
      run: 'r',
    };
    expect(lines(raw, [plain])).to.deep.equal([
      'eval: py /drivers/serve.py --model /base --adapter-path /artifacts/B-s0/1-train/adapter --host 127.0.0.1 --port PORT',
    ]);
    const again = { ...raw, settings: plain.settings };
    expect(plannedPlaces(again, places([plain])).judged.model).to.equal('/artifacts/B-s0/4-quantize/model');
  });

  it('lays out a checkpoint of an adapter from outside, and takes it away again', () => {
    const from = { adapter: '/my adapters', checkpoint: 600, sha256: '' };
    const run = demoRun('B', { from, chain: ['fuse', 'cleanup', 'eval'] });
    const [make, , weights, fused, drop] = lines(run);
    expect(make).to.equal('fuse: mkdir -p chosen-adapter');
    expect(weights).to.equal(
      "fuse: ln -sf '/my adapters/0000600_adapters.safetensors' chosen-adapter/adapters.safetensors",
    );
    expect(fused).to.contain('--adapter chosen-adapter');
    expect(drop).to.equal('fuse: rm -r chosen-adapter');
    const served = stageCommands(
      { ...run, settings: { ...run.settings, fuse: fuse('none') }, chain: ['eval'] },
      places(),
    );
    expect(served[0]?.commands.at(-1)?.join(' ')).to.contain('--model /base --adapter-path chosen-adapter');
  });

  it('measures after the answers what fusing cost, where there is an adapter and a model made of it', () => {
    const evaluation = { ...plain.settings.eval, cost: true };
    const told = (run: RunDraft, plans: readonly RunPlan[] = []) =>
      lines({ ...run, settings: { ...run.settings, eval: evaluation } }, plans).filter((one) => one.includes('cost'));
    expect(told(plain)).to.deep.equal([
      'eval: py /drivers/model_cost.py --base /base --adapter /artifacts/B-s0/1-train/adapter --weights adapters.safetensors --final /artifacts/B-s0/4-quantize/model --answers cost-answers.jsonl --out cost/cost.json --seconds SECONDS --data ' +
        `${plain.data?.folder} --max-seq-length 128`,
    ]);
    const checkpoint = { adapter: '/a', checkpoint: 600, sha256: '' };
    const outside = demoRun('B', { from: checkpoint, data: null, chain: ['fuse', 'cleanup', 'eval'] });
    expect(told(outside)[0])
      .to.contain('--adapter /a --weights 0000600_adapters.safetensors')
      .and.not.contain('--data');
    expect(told({ ...plain, settings: { ...plain.settings, fuse: fuse('none') } })).to.deep.equal([]);
    expect(told(demoRun('B', { from: { model: '/m', sha256: '' }, model: null, chain: ['eval'] }))).to.deep.equal([]);
  });

  it('measures every checkpoint that the training will save, and fuses the one that is taken', () => {
    const settings = { iters: 10, save_every: 4, batch_size: 2, mask_prompt: true, max_seq_length: 128 };
    const chain = ['train', 'select', 'fuse', 'cleanup', 'eval'] as const;
    const run = demoRun('B', { train: settings, select: { by: 'val_loss' }, chain: [...chain] });
    const [loss, fused] = lines(run).slice(2);
    expect(loss).to.equal(
      `select: py /drivers/val_loss.py --model /base --data ${run.data?.folder} --adapter /artifacts/B-s0/1-train/adapter ` +
        '--out candidates/losses.jsonl --checkpoint 4=0000004_adapters.safetensors --checkpoint 8=0000008_adapters.safetensors ' +
        '--checkpoint 10=adapters.safetensors --max-seq-length 128 --batch-size 2 --mask-prompt',
    );
    expect(fused).to.contain('--adapter /artifacts/B-s0/2-select/adapter');
    const asked = { ...run, settings: { ...run.settings, select: { by: 'suite' as const, suite: '/s.yaml' } } };
    const served = lines(asked).filter((line) => line.startsWith('select: py'));
    expect(served).to.have.length(3);
    expect(served[0]).to.contain('serve.py --model /base --adapter-path candidates/0000004');
  });

  it('only asks a model from outside', () => {
    const run = demoRun('B', { from: { model: '/m', sha256: '' }, model: null, chain: ['eval'] });
    expect(lines(run)).to.deep.equal(['eval: py /drivers/serve.py --model /m --host 127.0.0.1 --port PORT']);
  });
});
