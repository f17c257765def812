import { expect } from 'chai';
import { countText, evalLeft, readCostLine } from '../../../src/core/run/eval-progress.ts';

describe('core/eval-progress', () => {
  it('says what is counted', () => {
    expect(countText({ doing: 'base', iteration: 12, of: 27 })).to.equal('base 12/27');
    expect(countText({ doing: 'cost', iteration: 40, of: 100 })).to.equal('cost 40 %');
    expect(countText({ iteration: 120, of: 800 })).to.equal('120/800');
    expect(countText({ iteration: 120, of: null })).to.equal('120');
    expect(countText({ iteration: null, of: 27 })).to.equal(null);
  });

  it('counts what follows: the answers of the own model, and a third of their time for the cost', () => {
    const part = { left: 30, each: 3, of: 20 };
    expect(evalLeft(part, { answers: false, cost: false })).to.equal(30);
    expect(evalLeft(part, { answers: false, cost: true })).to.be.closeTo(50, 1e-9);
    expect(evalLeft(part, { answers: true, cost: true })).to.be.closeTo(110, 1e-9);
  });

  it('reads the share that is done from the log of the measurement', () => {
    expect(readCostLine('done 40 %')).to.equal(40);
    expect(readCostLine('base: loss 1.2 on the answers of 8 of 168 rows')).to.equal(null);
  });
});
