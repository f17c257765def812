import { expect } from 'chai';
import { configWorkspace, plainConfig, plainText } from '../helpers/config-workspace.ts';

describe('extends', () => {
  it('merges key by key: lists and scalars replace, null removes, what a phase says of itself stays with it', async () => {
    const workspace = await configWorkspace();
    await workspace.accept({
      ...plainConfig,
      title: 'A',
      notes: 'n',
      seeds: [3],
      hypothesis: 'h',
      variants: { q4: { fuse: { q_bits: 4 } } },
      fuse: { q_bits: 6, q_group_size: 32 },
      cooldown_s: 5,
      preflight: [['a'], ['b']],
    });
    const { config } = await workspace.plan(
      'phase: 43b\nextends: 43a\ntrain: { iters: null, num_layers: 12 }\nfuse: { q_bits: null }\ncooldown_s: null\npreflight: [[c]]\n',
    );
    expect(config).to.deep.include({
      train: { learning_rate: 1e-4, num_layers: 12 },
      fuse: { mode: 'direct', q_bits: null, q_group_size: 32 },
      cooldown_s: 0,
      preflight: [['c']],
      seeds: [0],
      variants: {},
    });
    expect(config).to.not.have.any.keys('title', 'notes', 'hypothesis');
  });

  it('takes a file of the workspace when no phase has the name', async () => {
    const workspace = await configWorkspace();
    await workspace.write('base/common.yaml', plainText.replace('phase: 43a', 'phase: base of all'));
    const { runs } = await workspace.plan('phase: 43b\nextends: base/common.yaml\n');
    expect(runs[0]?.settings.train).to.deep.equal(plainConfig.train);
  });
});
