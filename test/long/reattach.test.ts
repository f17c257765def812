import { expect } from 'chai';
import { inPool } from '../helpers/crash.ts';
import { killInEachTraining } from '../helpers/killed-trainings.ts';

const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

describe('after kill -9 of up', function () {
  this.timeout(20 * 60_000);

  it('the training is taken over: started once, 20 of 20', async () => {
    const groups = names('g', 4).map((group) => names(`${group}n`, 5));
    const counts = await Promise.all(inPool(groups, 4, killInEachTraining));
    expect(counts.reduce((sum, count) => sum + count)).to.equal(20);
  });
});
