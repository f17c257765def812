import { expect } from 'chai';
import type { RunDraft } from '../../src/core/config/lookups.ts';
import { configWorkspace, plainConfig } from '../helpers/config-workspace.ts';

const branches = (runs: readonly RunDraft[]) => runs.map(({ run, from, chain }) => [run, from, chain.join(' ')]);

describe('variants', () => {
  const variants = {
    q4: { fuse: { q_bits: 4 } },
    raw: { fuse: { mode: 'none' } },
    hot: { eval: { temperature: 0.7 } },
    long: { train: { iters: 40 } },
  };

  it('branch off before the first stage that differs, plain run first, seed by seed', async () => {
    const workspace = await configWorkspace();
    const { runs } = await workspace.plan({ ...plainConfig, seeds: [0, 0], variants });
    const expected = ['43a-s0', '43a-s0.2'].flatMap((plain) => [
      [plain, null, 'train fuse cleanup eval'],
      [`${plain}-q4`, { run: plain, after: 'train' }, 'fuse cleanup eval'],
      [`${plain}-raw`, { run: plain, after: 'train' }, 'eval'],
      [`${plain}-hot`, { run: plain, after: 'fuse' }, 'eval'],
      [`${plain}-long`, null, 'train fuse cleanup eval'],
    ]);
    expect(branches(runs)).to.deep.equal(expected);
    expect(runs[1]?.settings.fuse).to.deep.equal({ mode: 'direct', q_bits: 4, q_group_size: 64 });
    expect(runs[4]?.settings.train).to.deep.equal({ iters: 40, learning_rate: 1e-4 });
  });

  it('share the last model that the plain run makes', async () => {
    const workspace = await configWorkspace();
    const ways = async (fuse: object) => {
      const { runs } = await workspace.plan({
        ...plainConfig,
        fuse,
        variants: { hot: variants.hot, q4: { fuse: { mode: 'direct', q_bits: 4 } } },
      });
      return branches(runs)
        .slice(1)
        .map(([, from, chain]) => [from, chain]);
    };
    const fused = [{ run: '43a-s0', after: 'train' }, 'fuse cleanup eval'];
    expect(await ways({ mode: 'two_step' })).to.deep.equal([[{ run: '43a-s0', after: 'quantize' }, 'eval'], fused]);
    expect(await ways({ mode: 'none' })).to.deep.equal([[{ run: '43a-s0', after: 'train' }, 'eval'], fused]);
  });

  it('may have another suite, and take settings back with null', async () => {
    const workspace = await configWorkspace();
    await workspace.write(
      'suites/other.yaml',
      'suite: o\nprompts: [{ id: a, category: lsp, prompt: x, expect: [y] }]\n',
    );
    const own = { other: { eval: { suite: 'suites/other.yaml' } }, slow: { train: { learning_rate: null } } };
    const { runs, config } = await workspace.plan({ ...plainConfig, variants: own });
    expect(runs[1]?.settings.eval.suite).to.equal(`${workspace.root}/suites/other.yaml`);
    expect(runs[1]?.chain).to.deep.equal(['eval']);
    expect(runs[2]?.settings.train).to.deep.equal({ iters: 20 });
    expect(config.variants).to.deep.equal(own);
  });

  it('that only clean up differently are said to score the same model again', async () => {
    const workspace = await configWorkspace();
    const { warnings } = await workspace.plan({
      ...plainConfig,
      variants: { lean: { cleanup: { keep_model: 'none' } } },
    });
    expect(warnings).to.deep.equal(['variants.lean changes only cleanup: its run scores the same model again']);
  });
});
