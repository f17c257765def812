import { copyFile, cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { toolEnv } from '../../src/core/mlx/python.ts';
import type { Row } from '../../src/events/row.ts';
import { demoPhase, type Ended, type RealWorkspace, realWorkspace, rowOf } from '../helpers/real-chain.ts';
import { testPython } from '../helpers/real-stage.ts';
import { tempDir } from '../helpers/temp.ts';

/** Chosen on a second suite, made of the valid rows; beside it by the loss on those rows, from the same training. */
const phase = demoPhase('pick', 'B', {
  select: { by: 'suite', suite: 'valid.yaml', prompts: 8 },
  fuse: { mode: 'direct', q_bits: 5 },
  variants: { loss: { select: { by: 'val_loss', suite: null, prompts: null } } },
});

const candidatesOf = (row: Row) => row.selection?.candidates ?? [];

describe('a checkpoint chosen with the real mlx_lm', () => {
  let workspace: RealWorkspace;
  let made: Ended;
  let up: Ended;
  let rows: ReadonlyMap<string, Row>;
  before(async () => {
    workspace = await realWorkspace();
    made = await workspace.phasebox(['suite', 'from', 'demo/data/valid.jsonl', '-o', 'valid.yaml']);
    await workspace.drop('1', phase);
    up = await workspace.phasebox(['up', '--once', '--no-dashboard']);
    if (up.code !== 0) throw new Error(`${made.stderr}\n${up.stdout}\n${up.stderr}`);
    rows = await workspace.rows();
  });

  it('by a suite made of the valid rows: every checkpoint is scored, the best is used', async () => {
    expect(made.stderr).to.contain('valid.yaml: 38 prompts out of 40 examples');
    const row = rowOf(rows, 'pick-s0');
    const scores = candidatesOf(row).map(({ overall }) => overall ?? -1);
    expect(candidatesOf(row).map(({ iteration }) => iteration)).to.eql([10, 20]);
    expect(row.checkpoint).to.equal([10, 20][scores.lastIndexOf(Math.max(...scores))]);
    expect(row.selection).to.include({ by: 'suite', same_suite: false });
    const { made: facts, inputs } = await workspace.manifest('pick-s0', 'select');
    expect(facts.prompts).to.equal(8);
    expect(inputs).to.include.keys('suite', 'base', 'checkpoint-10', 'checkpoint-20');
    const { adapter } = row.custody;
    expect(adapter, 'what was fused').to.equal(inputs[`checkpoint-${row.checkpoint}`]);
  });

  it('by val_loss: as mlx_lm itself evaluates each checkpoint on these rows', async () => {
    const row = rowOf(rows, 'pick-s0-loss');
    const losses = candidatesOf(row).map(({ val_loss }) => val_loss ?? Number.NaN);
    expect(losses[0], 'the first steps help').to.be.above(losses[1] ?? 0);
    expect(row.checkpoint).to.equal(20);
    for (const [index, iteration] of [10, 20].entries())
      expect(losses[index], `checkpoint ${iteration}`).to.be.closeTo(await testLoss(workspace, iteration), 6e-4);
  });
});

/** What `mlx_lm lora --test` says of a checkpoint, three decimals: its test rows are our valid rows. */
async function testLoss(workspace: RealWorkspace, iteration: number): Promise<number> {
  const data = await tempDir('as-test');
  await cp(join(workspace.root, 'demo/data'), data, { recursive: true });
  await copyFile(join(data, 'valid.jsonl'), join(data, 'test.jsonl'));
  const trained = join(workspace.at('pick-s0', 'train'), 'adapter');
  const adapter = await tempDir('checkpoint');
  await copyFile(join(trained, 'adapter_config.json'), join(adapter, 'adapter_config.json'));
  const weights = `${String(iteration).padStart(7, '0')}_adapters.safetensors`;
  await copyFile(join(trained, weights), join(adapter, 'adapters.safetensors'));
  const config = { model: join(workspace.root, 'demo/models/B-base'), data, adapter_path: adapter, test: true };
  const settings = { test_batches: -1, batch_size: 1, mask_prompt: true, max_seq_length: 128 };
  await writeFile(join(data, 'test.yaml'), JSON.stringify({ ...config, ...settings }));
  const { all } = await execa(testPython, ['-m', 'mlx_lm', 'lora', '-c', join(data, 'test.yaml')], {
    ...{ env: toolEnv({ MLX_DISABLE_COMPILE: '1' }), all: true },
  });
  const [, loss] = /Test loss ([\d.]+)/.exec(all ?? '') ?? [];
  if (loss === undefined)
    throw new Error(`no test loss in:\n${all}\n${await readFile(join(data, 'test.yaml'), 'utf8')}`);
  return Number(loss);
}
