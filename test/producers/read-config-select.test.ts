import { join } from 'node:path';
import { expect } from 'chai';
import { type ConfigWorkspace, configWorkspace, plainConfig, smallSuite } from '../helpers/config-workspace.ts';
import { tinyAdapter } from '../helpers/tiny-model.ts';

const bySuite = { by: 'suite', suite: 'suites/other.yaml' };

describe('a config that chooses its checkpoint', () => {
  let workspace: ConfigWorkspace;
  before(async () => {
    workspace = await configWorkspace();
    await workspace.write('suites/other.yaml', smallSuite.replace('small', 'other'));
  });

  it('has a select stage between train and fuse, its suite by its full path', async () => {
    const [run] = (await workspace.plan({ ...plainConfig, select: { ...bySuite, prompts: 2 } })).runs;
    expect(run?.chain).to.eql(['train', 'select', 'fuse', 'cleanup', 'eval']);
    expect(run?.settings.select).to.eql({ by: 'suite', suite: join(workspace.root, 'suites/other.yaml'), prompts: 2 });
    const [raw] = (await workspace.plan({ ...plainConfig, select: { by: 'val_loss' }, fuse: { mode: 'none' } })).runs;
    expect(raw?.chain).to.eql(['train', 'select', 'cleanup', 'eval']);
    const [last] = (await workspace.plan({ ...plainConfig, select: { by: 'last' } })).runs;
    expect(last?.chain).to.eql(['train', 'fuse', 'cleanup', 'eval']);
  });

  it('may choose on the suite that is reported', async () => {
    const { runs } = await workspace.plan({ ...plainConfig, select: { by: 'suite', suite: plainConfig.eval.suite } });
    expect(runs).to.have.length(1);
  });

  it('refuses a suite that is not there or wrong, and more prompts than it has', async () => {
    const reasons = (select: object): Promise<string> => workspace.reasons({ ...plainConfig, select });
    expect(await reasons({ by: 'suite', suite: 'suites/none.yaml' })).to.contain(
      'select.suite: WS/suites/none.yaml does not exist',
    );
    await workspace.write('suites/bad.yaml', 'suite: x\nprompts: []\n');
    const bad = await reasons({ by: 'suite', suite: 'suites/bad.yaml' });
    expect(bad).to.contain('select.suite: this is not a valid suite: it has 1 problem, listed below');
    expect(bad).to.contain('suites/bad.yaml:2: prompts');
    expect(await reasons({ ...bySuite, prompts: 3 })).to.contain(
      'select.prompts: suites/other.yaml has 2 prompts; allowed: 1 to 2',
    );
    expect(await reasons({ by: 'val_loss', prompts: 3 })).to.contain(
      'with `by: val_loss` the loss on valid.jsonl decides',
    );
  });

  it('may do so in a variant, which branches off after the training, unless its checkpoints are taken away', async () => {
    const variants = { best: { select: bySuite } };
    const [, variant] = (await workspace.plan({ ...plainConfig, variants })).runs;
    expect(variant?.from).to.eql({ run: '43a-s0', after: 'train' });
    expect(variant?.chain).to.eql(['select', 'fuse', 'cleanup', 'eval']);
    const cleanup = { keep_checkpoints: 'selected' };
    expect(await workspace.reasons({ ...plainConfig, cleanup, variants })).to.contain(
      'variants.best.select: it chooses among checkpoints of the plain run, which keeps only one',
    );
  });

  it('says how a variant gets rid of what its phase says', async () => {
    const phase = { ...plainConfig, select: bySuite };
    const reasons = await workspace.reasons({ ...phase, variants: { loss: { select: { by: 'val_loss' } } } });
    expect(reasons).to.contain('remove it; `suite: null` does that with what the phase says');
    const { runs } = await workspace.plan({
      ...phase,
      variants: { loss: { select: { by: 'val_loss', suite: null } } },
    });
    expect(runs[1]?.settings.select).to.eql({ by: 'val_loss' });
  });

  it('may begin after the training of a run, unless that keeps one checkpoint only', async () => {
    await workspace.accept({ ...plainConfig, phase: 'all' });
    await workspace.accept({ ...plainConfig, phase: 'one', cleanup: { keep_checkpoints: 'selected' } });
    const later = (run: string) => {
      const { eval: evaluation } = plainConfig;
      return { phase: 'later', eval: evaluation, from: { run, after: 'train' }, select: bySuite };
    };
    expect((await workspace.plan(later('all-s0'))).runs[0]?.chain).to.eql(['select', 'fuse', 'cleanup', 'eval']);
    expect(await workspace.reasons(later('one-s0'))).to.contain('select.by: one-s0 keeps one checkpoint only');
  });

  it('has nothing to choose when its adapter comes from outside', async () => {
    await tinyAdapter(join(workspace.root, 'adapters'), ['adapters.safetensors']);
    const { eval: evaluation, model } = plainConfig;
    const from = { adapter: 'adapters' };
    const own = { phase: 'outside', model, eval: evaluation, from };
    expect(await workspace.reasons({ ...own, select: bySuite })).to.contain(
      'select.by: nothing is trained here, so there are no checkpoints to choose from',
    );
    await workspace.accept({ ...plainConfig, phase: 'chosen', select: bySuite });
    const { runs } = await workspace.plan({ phase: 'outside', extends: 'chosen', from, eval: evaluation });
    expect(runs[0]?.chain, 'what it extends chooses; this one cannot').to.eql(['fuse', 'cleanup', 'eval']);
  });
});
