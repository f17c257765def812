import { expect } from 'chai';
import { bestOf } from '../../../src/core/select/choose.ts';
import { readLossLine } from '../../../src/core/select/loss-log.ts';
import { savedIterations, withDefaults } from '../../../src/events/stages/train.ts';

const candidate = (iteration: number, overall: number | null, val_loss: number | null = null) => ({
  ...{ iteration, overall, strict: null, val_loss },
});

describe('core/select/choose', () => {
  it('takes the highest score and the lowest loss; of equals the last, as by: last would', () => {
    expect(bestOf([candidate(1, 50), candidate(2, 80), candidate(3, 70)], 'overall')?.iteration).to.equal(2);
    expect(bestOf([candidate(1, 80), candidate(2, 80), candidate(3, 70)], 'overall')?.iteration).to.equal(2);
    expect(bestOf([candidate(1, 0, 0.3), candidate(2, 0, 0.1), candidate(3, 0, 0.1)], 'val_loss')?.iteration).to.equal(
      3,
    );
  });

  it('passes over what has no figure', () => {
    expect(bestOf([candidate(1, 0, 0.3), candidate(2, 0, null)], 'val_loss')?.iteration).to.equal(1);
    expect(bestOf([candidate(1, null)], 'overall')).to.equal(null);
  });

  it('knows what a training saves, with the last step and without', () => {
    expect(savedIterations(withDefaults({ iters: 800, save_every: 200 }))).to.eql([200, 400, 600, 800]);
    expect(savedIterations(withDefaults({ iters: 10, save_every: 4 }))).to.eql([4, 8, 10]);
    expect(savedIterations(withDefaults({ iters: 10, save_every: 200 }))).to.eql([10]);
    expect(savedIterations(withDefaults({}))).to.have.length(10);
  });

  it('reads how far the loss is', () => {
    const told = readLossLine('checkpoint 200 (2 of 4): 40 of 123 rows');
    expect(told).to.eql({ iteration: 163, of: 492, part: 'checkpoint 200, 2 of 4' });
    expect(readLossLine('checkpoint 200 (2 of 4): loss 0.1 on 123 rows, 9 tokens')).to.equal(null);
  });
});
