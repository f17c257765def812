import { expect } from 'chai';
import { optimism } from '../../../src/core/select/choose.ts';
import { seededRandom } from '../../../src/core/stats/random.ts';

/** Points 0 or 100 of prompts, each a hit with this chance. */
function pointsOf(chances: readonly number[], prompts: number, seed: string): number[][] {
  const next = seededRandom(seed);
  return chances.map((chance) => Array.from({ length: prompts }, () => (next() < chance ? 100 : 0)));
}

describe('core/select/optimism', () => {
  it('is nothing where nothing can be chosen', () => {
    expect(optimism([[1, 2, 3]], 's')).to.equal(null);
    expect(optimism([[1], [2]], 's')).to.equal(null);
    expect(optimism([], 's')).to.equal(null);
  });

  it('is 0 when every prompt has the same points', () => {
    expect(
      optimism(
        [
          [50, 50, 50],
          [50, 50, 50],
        ],
        's',
      ),
    ).to.equal(0);
  });

  it('is the same for the same figures and seed', () => {
    const table = pointsOf([0.5, 0.5, 0.5], 27, 'x');
    expect(optimism(table, 's')).to.equal(optimism(table, 's'));
  });

  it('is large among equals, and small when one is clearly the best', () => {
    const equals = optimism(pointsOf([0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 27, 'e'), 's') ?? 0;
    const clear = optimism(pointsOf([0.1, 0.1, 0.1, 0.95, 0.1, 0.1], 27, 'c'), 's') ?? 0;
    expect(equals).to.be.above(5);
    expect(Math.abs(clear)).to.be.below(3);
  });

  it('is about what choosing among equals really gains', () => {
    // Six checkpoints of the same worth (50): whatever the best of them shows above that is optimism.
    const gains = [];
    const told = [];
    for (let night = 0; night < 200; night++) {
      const table = pointsOf([0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 27, `night ${night}`);
      const means = table.map((row) => row.reduce((sum, one) => sum + one, 0) / row.length);
      gains.push(Math.max(...means) - 50);
      told.push(optimism(table, 's') ?? 0);
    }
    const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;
    expect(mean(told)).to.be.within(0.7 * mean(gains), 1.8 * mean(gains));
  });
});
