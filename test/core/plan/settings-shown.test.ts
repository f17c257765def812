import { expect } from 'chai';
import { withoutUnset } from '../../../src/core/mapping.ts';
import { settingDifferences, trainSettings } from '../../../src/core/plan/settings-shown.ts';
import { valueText } from '../../../src/core/printable.ts';

const defaults = {
  iters: 1000,
  num_layers: 16,
  learning_rate: 1e-5,
  lora_parameters: { rank: 8, scale: 20 },
};

describe('core/settings-shown', () => {
  it("tells settings that differ from mlx_lm's own, and the defaults that stay", () => {
    const shown = trainSettings({ iters: 800, learning_rate: 1e-5 }, defaults);
    expect(shown).to.deep.equal([
      { name: 'iters', value: 800, byDefault: 1000, differs: true },
      { name: 'learning_rate', value: 1e-5, byDefault: 1e-5, differs: false },
      { name: 'num_layers', value: 16, byDefault: 16, differs: false },
      { name: 'lora_parameters', value: { rank: 8, scale: 20 }, byDefault: { rank: 8, scale: 20 }, differs: false },
    ]);
    expect([null, {}, { adam: {}, sgd: {} }, 0, { adam: { eps: 1 }, sgd: null }].map(withoutUnset)).to.deep.equal([
      ...[undefined, undefined, undefined],
      ...[0, { adam: { eps: 1 } }],
    ]);
    expect([1e-5, 0.01, 'adam', null, [1]].map(valueText)).to.deep.equal(['1e-5', '0.01', 'adam', 'null', '[1]']);
  });

  it('finds just what differs: a default that is written out does not', () => {
    const a = { phase: 'a', title: 'A', model: 'm', train: { iters: 800, num_layers: 16 }, seeds: [0] };
    const b = { phase: 'b', model: 'n', train: { iters: 800, learning_rate: 2e-5 }, seeds: [0, 1], env: { X: '1' } };
    expect(settingDifferences(a, b, defaults)).to.deep.equal([
      { path: 'model', before: 'm', after: 'n' },
      { path: 'train.learning_rate', before: 1e-5, after: 2e-5 },
      { path: 'seeds', before: [0], after: [0, 1] },
      { path: 'env.X', before: null, after: '1' },
    ]);
    expect(settingDifferences(a, { ...a, phase: 'c', notes: 'n' }, defaults)).to.deep.equal([]);
  });
});
