import { expect } from 'chai';
import { costWarnings } from '../../../src/core/run/cost-words.ts';
import { type Cost, cost } from '../../../src/events/cost.ts';

const good: Cost = {
  ...{ bits: { base: 4, final: 5 }, step: 0.5, kept: 0.98, snr: 2.4, layers: 28, top1: 0.995, kl: 0.002, tokens: 900 },
  ...{ loss: { base: 2, adapter: 1, final: 1.05 }, gain_kept: 0.95, rows: 123 },
};
const warned = (over: Partial<Cost>): string[] => costWarnings(cost.parse({ ...good, ...over }));
const four = { base: 4, final: 4 };

describe('what the cost of fusing and quantizing warns of', () => {
  it('nothing, when nothing is lost or known', () => {
    expect(warned({})).to.deep.equal([]);
    expect(warned({ step: null, kept: null, snr: null, top1: null, kl: null })).to.deep.equal([]);
  });

  it('an adapter that is smaller than the grid and gone', () => {
    expect(warned({ bits: four, step: 0.19, kept: 0.45, snr: 0.93 })).to.deep.equal([
      '4 bits on a 4-bit base, step 0.19, kept 0.45: the adapter is being erased; use 5 or 6 bits',
    ]);
    // large enough to get over the grid, or hardly changed although it is small
    expect(warned({ bits: four, step: 0.3, kept: 0.45 })).to.deep.equal([]);
    expect(warned({ bits: four, step: 0.19, kept: 0.75 })).to.deep.equal([]);
    expect(warned({ bits: { base: null, final: 8 }, step: 0.01, kept: 0.7 })).to.deep.equal([
      '8 bits on an unquantized base, step 0.01, kept 0.70: the adapter is being erased',
    ]);
  });

  it('rounding that is larger than the adapter', () => {
    expect(warned({ bits: { base: 4, final: 3 }, kept: 1.2, snr: 0.61 })).to.deep.equal([
      '3 bits on a 4-bit base, snr 0.61: rounding changes the weights more than the adapter does; use 4 or 5 bits',
    ]);
    expect(warned({ snr: 1 })).to.deep.equal([]);
  });

  it('a final model that says other things, whatever the weights say', () => {
    expect(warned({ kl: 0.0862, top1: 0.961 })).to.deep.equal([
      "the final model answers differently from base + adapter, KL 0.086, top-1 96.1 % on 900 tokens; 168 models in phasebox's own measurements had a KL above 0.02, and 150 of them lost more than 5 points",
    ]);
    expect(warned({ kl: 0.02 })).to.deep.equal([]);
    expect(warned({ bits: four, step: 0.19, kept: 0.45, kl: 0.3 })).to.have.length(2);
  });
});
