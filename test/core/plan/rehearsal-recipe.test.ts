import { expect } from 'chai';
import { isRehearsable, isWorthwhile, recipeText } from '../../../src/core/plan/rehearsal-recipe.ts';
import { plan } from '../../helpers/runs.ts';

const files = {
  model: 'm',
  data: 'd',
  suite: 's',
  resumed: '',
  versions: { mlx: '0.32', mlx_lm: '0.32.2', phasebox: '1' },
  memory_gb: undefined,
};
const own = plan({
  model: { source: 'm', folder: '/m', revision: null, download: false },
  data: { source: 'd', folder: '/d' },
});
const withSettings = (changed: object) => ({ ...own, settings: { ...own.settings, ...changed } });

describe('the recipe of a training', () => {
  it('is the same for seeds, and for what is done with the adapter', () => {
    const text = recipeText(own, files);
    expect(recipeText({ ...own, seed: 7, run: 'p-s7' } as typeof own, files)).to.equal(text);
    expect(recipeText(withSettings({ fuse: { ...own.settings.fuse, q_bits: 4 } }), files)).to.equal(text);
    const scored = { ...own.settings.eval, repeats: 5, base: false, score_by: 'strict' as const };
    expect(recipeText(withSettings({ eval: scored }), files)).to.equal(text);
    expect(recipeText(own, { ...files, versions: { ...files.versions, phasebox: '2' } })).to.equal(text);
    const limited = { ...own, memory_gb: 9 };
    expect(recipeText(limited, { ...files, memory_gb: 16 }), 'its own limit').to.equal(recipeText(limited, files));
  });

  it('differs with the settings of the training, the files, the versions and the prompts', () => {
    const others = [
      recipeText(withSettings({ train: { iters: 20 } }), files),
      recipeText(withSettings({ eval: { ...own.settings.eval, system: 'Be brief.' } }), files),
      recipeText({ ...own, env: { A: '1' } }, files),
      recipeText(
        { ...own, chain: ['train', 'select'], settings: { ...own.settings, select: { by: 'val_loss' } } },
        files,
      ),
      recipeText(own, { ...files, data: 'changed' }),
      recipeText(own, { ...files, memory_gb: 16 }),
      recipeText(own, { ...files, versions: { ...files.versions, mlx_lm: '0.33' } }),
    ];
    expect(new Set([recipeText(own, files), ...others]).size).to.equal(others.length + 1);
  });
});

describe('which runs are rehearsed', () => {
  it('are those with a training of their own', () => {
    expect(isRehearsable(own)).to.equal(true);
    expect(isRehearsable({ ...own, chain: ['fuse', 'eval'] })).to.equal(false);
    expect(isRehearsable({ ...own, data: null })).to.equal(false);
  });

  it('are with `auto` those that are estimated at 10 minutes or more', () => {
    expect([599, 600, null].map((seconds) => isWorthwhile('auto', seconds))).to.eql([false, true, false]);
    expect([599, null].map((seconds) => isWorthwhile('always', seconds))).to.eql([true, true]);
    expect(isWorthwhile('off', 6000)).to.equal(false);
  });
});
