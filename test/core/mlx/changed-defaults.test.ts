import { expect } from 'chai';
import { changedDefaults } from '../../../src/core/mlx/changed-defaults.ts';
import { demoRun, quickTrain } from '../../helpers/real-stage.ts';

const defaults = { num_layers: 16, optimizer: 'adam', lora_parameters: { rank: 8, scale: 20 }, lr_schedule: null };
const run = demoRun('A', { train: { ...quickTrain, num_layers: 2 }, train_defaults: defaults });

describe('changedDefaults', () => {
  it('names each default that mlx_lm used and that was another one at acceptance', () => {
    expect(changedDefaults(run, { ...defaults, optimizer: 'adamw', lr_schedule: 'x' })).to.equal(
      'mlx_lm was changed after this run was accepted, and 2 defaults with it: trained with optimizer adamw instead of adam, lr_schedule x instead of null. Set them in the config to keep them.',
    );
    const used = { ...defaults, lora_parameters: { scale: 10, rank: 8 } };
    expect(changedDefaults(run, used)).to.contain('lora_parameters {"scale":10,"rank":8} instead of');
  });

  it('is silent about what the config sets, what is the same, and what either side does not know', () => {
    expect(changedDefaults(run, { ...defaults, num_layers: 2, extra: 1 })).to.equal(null);
    expect(changedDefaults(run, { lora_parameters: { scale: 20, rank: 8 } })).to.equal(null);
    expect(changedDefaults({ ...run, train_defaults: undefined }, { optimizer: 'adamw' })).to.equal(null);
  });
});
