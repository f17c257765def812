import { join } from 'node:path';
import { expect } from 'chai';
import { diffRuns } from '../../../src/core/compare/diff.ts';
import { runDisk } from '../../../src/core/mlx/estimate.ts';
import { shapeOfName } from '../../../src/core/mlx/model-shape.ts';
import { type PlannedTools, stageCommands } from '../../../src/core/plan/planned-stages.ts';
import { openEstimator } from '../../../src/core/plan/stage-seconds.ts';
import type { Run } from '../../../src/events/run.ts';
import { demoRun } from '../../helpers/real-stage.ts';
import { makeRow, noCustody } from '../../helpers/rows.ts';

/** An mlx_lm that differs from the one that 0.1.0 counted with, in every default. */
const otherMlx = {
  ...{ iters: 600, batch_size: 8, val_batches: 5, steps_per_eval: 50, num_layers: 8, save_every: 200 },
  ...{ max_seq_length: 1024, mask_prompt: true, learning_rate: 1e-4, lora_parameters: { rank: 16 }, lr_schedule: null },
};
const chain: Run['chain'] = ['train', 'select', 'fuse', 'cleanup', 'eval'];
const plan = (train: NonNullable<Run['settings']['train']>, train_defaults?: Record<string, unknown>): Run => {
  const run = demoRun('A', { train, select: { by: 'val_loss' }, chain });
  const measured = { ...run.settings, eval: { ...run.settings.eval, cost: true } };
  return { ...run, settings: measured, ...(train_defaults && { train_defaults }) };
};
const tools: PlannedTools = {
  ...{ python: 'py', baseModel: '/base', memoryLimit: 2 ** 34, plans: new Map() },
  driver: (name) => `/${name}.py`,
  run: (id) => join('/artifacts', id),
};
const linesOf = (run: Run): Record<string, string> =>
  Object.fromEntries(stageCommands(run, tools).map(({ stage, commands }) => [stage, commands.flat().join(' ')]));
const namesOf = (a: Run, b: Run): string[] => {
  const side = (run: Run) => ({ run: run.run, plan: run, row: makeRow(), custody: noCustody, versions: {} });
  return diffRuns(side(a), side(b)).differences.map(({ name, ...values }) => `${name}: ${values.a} -> ${values.b}`);
};
const written = { ...otherMlx, lr_schedule: undefined };

describe("mlx_lm's own training defaults", () => {
  const by = plan({ data_seed: 1 }, otherMlx);
  const same = plan({ ...written, data_seed: 1 }, {});
  const old = plan({ data_seed: 1 });

  it('are those of the plan wherever a setting is left out: commands, disk and time', () => {
    const { train = '', select, eval: asked } = linesOf(by);
    const options =
      '--iters 600 --batch-size 8 --val-batches 5 --max-seq-length 1024 --steps-per-eval 50 --mask-prompt';
    expect(train).to.contain(options);
    expect(select)
      .to.contain('--checkpoint 200=0000200_adapters.safetensors --checkpoint 400=0000400_adapters.safetensors')
      .and.to.contain(
        '--checkpoint 600=0000600_adapters.safetensors --max-seq-length 1024 --batch-size 8 --mask-prompt',
      );
    expect(asked).to.contain('--max-seq-length 1024');
    expect(linesOf(by)).to.eql(linesOf(same));
    const shape = shapeOfName('mlx-community/Qwen3-14B-4bit');
    if (shape === null) throw new Error('not known');
    expect(runDisk(shape, by)).to.eql(runDisk(shape, same));
    const facts = { shape, prompts: null, choosing: null, validRows: null, rehearsed: null };
    const estimator = openEstimator([{ recipe: { run: same, ...facts }, seconds: { train: 60 } }]);
    expect(estimator.next({ run: by, ...facts })?.stages.train).to.deep.include({ seconds: 60, from: 'history' });
  });

  it('are not written into the file that mlx_lm reads', () => {
    const file = (run: Run) => stageCommands(run, tools)[0]?.files[0]?.text;
    expect(file(by)).to.equal(file(old)).and.not.to.contain('iters');
  });

  it('are those that 0.1.0 counted with where run.json has none', () => {
    expect(linesOf(old).train).to.contain(
      '--iters 1000 --batch-size 4 --val-batches 25 --max-seq-length 2048 --steps-per-eval 200',
    );
    expect(linesOf(old).train).not.to.contain('--mask-prompt');
    const { num_layers: _layers, ...rest } = otherMlx;
    expect(linesOf(plan({}, { ...rest, iters: 'many' })).train).to.contain('--iters 1000 --batch-size 8');
  });

  it('differ between runs where mlx_lm was another one, and not because one config writes them out', () => {
    expect(namesOf(by, plan({ ...written, data_seed: 1 }, otherMlx))).to.eql([]);
    const newer = { ...otherMlx, iters: 800, lora_parameters: { rank: 32 } };
    expect(namesOf(by, plan({ data_seed: 1 }, newer))).to.eql([
      ...['train.iters: 600 -> 800', 'train.lora_parameters.rank: 16 -> 32'],
    ]);
    expect(namesOf(old, plan({ data_seed: 1, iters: 1000 }))).to.eql([]);
  });

  it('are compared with a run.json that has none as far as 0.1.0 knew them', () => {
    const table = { iters: 1000, batch_size: 4, val_batches: 25, steps_per_eval: 200, num_layers: 16, save_every: 100 };
    const today = { ...table, max_seq_length: 2048, mask_prompt: false, learning_rate: 1e-5, optimizer: 'adam' };
    expect(namesOf(old, plan({ data_seed: 1 }, today))).to.eql([]);
    expect(namesOf(old, by))
      .to.include('train.iters: 1000 -> 600')
      .and.not.include('train.learning_rate: null -> 0.0001');
    const adamw = plan({ data_seed: 1, optimizer: 'adamw' });
    expect(namesOf(adamw, plan({ data_seed: 1 }, today))).to.eql(['train.optimizer: adamw -> adam']);
  });
});
