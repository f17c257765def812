import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ReadPlan } from '../../src/core/config/read-config.ts';
import { packageRoot } from '../../src/io/host/package-root.ts';
import { configWorkspace } from '../helpers/config-workspace.ts';

const { folder } = packageRoot();

/** The user's own settings, as they were run by hand. */
const train = {
  iters: 800,
  batch_size: 1,
  learning_rate: 1e-4,
  num_layers: 8,
  grad_accumulation_steps: 4,
  mask_prompt: true,
  save_every: 200,
  steps_per_report: 10,
  steps_per_eval: 50,
  val_batches: 10,
};

async function example(file: string, model: string): Promise<{ plan: ReadPlan; root: string }> {
  const workspace = await configWorkspace();
  await cp(join(workspace.root, 'models/tiny'), join(workspace.root, model), { recursive: true });
  await cp(join(workspace.root, 'data/rows'), join(workspace.root, 'data/phase33_merged'), { recursive: true });
  await cp(join(folder, 'suites'), join(workspace.root, 'suites'), { recursive: true });
  return { plan: await workspace.plan(await readFile(join(folder, 'examples', file), 'utf8')), root: workspace.root };
}

describe('the examples', () => {
  it('43a is the experiment as it was run by hand, with no float16 on the disk', async () => {
    const model = 'mlx-community/Qwen3-Coder-30B-A3B-Instruct-4bit';
    const { plan, root } = await example('43a-coder30b.yaml', model);
    expect(plan.runs.map((one) => one.run)).to.deep.equal(['43a-s0', '43a-s1', '43a-s2']);
    const [run] = plan.runs;
    expect(run).to.deep.include({
      run: '43a-s0',
      from: null,
      chain: ['train', 'fuse', 'cleanup', 'eval'],
      min_rows: { train: 1000 },
    });
    expect(run?.model).to.deep.equal({ source: model, folder: join(root, model), revision: null, download: false });
    expect(run?.data).to.deep.equal({ source: 'data/phase33_merged', folder: join(root, 'data/phase33_merged') });
    expect(run?.settings.train).to.deep.equal(train);
    expect(run?.settings.fuse).to.deep.equal({ mode: 'direct', q_bits: 5, q_group_size: 64 });
    expect(run?.settings.eval).to.deep.include({
      suite: join(root, 'suites/agent-27.yaml'),
      temperature: 0,
      max_tokens: 512,
    });
    expect(run?.baseline).to.deep.equal({
      name: '33b',
      overall: 82.4,
      categories: { text_tools: 100, validation: 100, git: 100, cst: 100, lsp: 90, domain: 60, multi_tool: 35 },
    });
    expect(run?.criteria?.gate).to.equal('overall >= 82.4 && (domain > 60 || multi_tool > 35)');
    expect(plan.warnings).to.have.lengthOf(1);
    expect(plan.warnings[0]).to.match(/^It is not known which suite baseline "33b" was measured on/);
  });

  it('both say in their first lines that agent-27 is not the suite of the figures of 33b', async () => {
    for (const file of ['43a-coder30b.yaml', '43b-qwen3-14b.yaml']) {
      const comment = (await readFile(join(folder, 'examples', file), 'utf8')).split('\nphase:')[0] ?? '';
      expect(comment, file)
        .to.match(/^# agent-27 is not the suite on which/m)
        .and.contain(file[2] === 'a' ? 'docs/suites.md' : '43a-coder30b.yaml');
    }
  });

  it('43b differs from it in the model, the layers, the seeds, and what its gate and outcomes mean', async () => {
    const a = (await example('43a-coder30b.yaml', 'mlx-community/Qwen3-Coder-30B-A3B-Instruct-4bit')).plan;
    const b = (await example('43b-qwen3-14b.yaml', 'mlx-community/Qwen3-14B-4bit')).plan;
    expect(b.config).to.deep.equal({
      ...a.config,
      phase: '43b',
      seeds: [0],
      title: b.config.title,
      hypothesis: b.config.hypothesis,
      model: 'mlx-community/Qwen3-14B-4bit',
      train: { ...train, num_layers: 12 },
      criteria: b.config.criteria,
    });
    expect(b.config.criteria?.gate).to.equal('overall >= 80');
    expect(b.config.criteria?.outcomes.map(({ when, then }) => [when, then])).to.deep.equal([
      ['overall >= 80', 'total-parameters hypothesis confirmed'],
      ['overall < 23', 'MoE routing is structural, strong evidence'],
      ['overall < 50', 'MoE routing is structural'],
      [undefined, 'ambiguous'],
    ]);
  });
});
