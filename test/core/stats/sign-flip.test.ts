import { expect } from 'chai';
import fc from 'fast-check';
import { signFlip } from '../../../src/core/stats/sign-flip.ts';

const many = (count: number, value: number): number[] => new Array<number>(count).fill(value);
/** Differences of two scores as they come out of arithmetic: .1 - 1/3 is not exactly -7/30. */
const score = fc.constantFrom(0, 0.1, 1 / 3, 0.5, 2 / 3, 0.7, 1);
const differences = fc.array(
  fc.tuple(score, score).map(([a, b]) => a - b),
  { minLength: 1, maxLength: 10 },
);

/** The same by counting every assignment of signs, in thirtieths. */
function counted(values: readonly number[]): number {
  const whole = values.map((value) => Math.round(value * 30));
  const observed = Math.abs(whole.reduce((sum, value) => sum + value, 0));
  let asFar = 0;
  for (let signs = 0; signs < 2 ** whole.length; signs++) {
    const sum = whole.reduce((total, value, at) => total + ((signs >> at) & 1 ? value : -value), 0);
    if (Math.abs(sum) >= observed) asFar++;
  }
  return asFar / 2 ** whole.length;
}

describe('signFlip', () => {
  it('weighs points: 13 x +.5 against 4 x -1 is p = .46, where the sign test says .049', () => {
    const { p, simulated } = signFlip([...many(13, 0.5), ...many(4, -1), ...many(10, 0)], '');
    expect(p).to.be.closeTo(0.46, 0.005);
    expect(simulated).to.equal(false);
  });

  it('cannot go below 2^(1 - k) with k prompts', () => {
    for (const k of [1, 3, 5, 9]) expect(signFlip(many(k, 1), '').p).to.equal(2 ** (1 - k));
  });

  it('is 1 for models that answer alike, and without prompts', () => {
    expect(signFlip(many(27, 0), '')).to.eql({ p: 1, simulated: false });
    expect(signFlip([], '')).to.eql({ p: 1, simulated: false });
  });

  it('counts every assignment of signs, ties in thirds and tenths included', () => {
    fc.assert(
      fc.property(differences, (values) => {
        const { p, simulated } = signFlip(values, '');
        expect(simulated).to.equal(false);
        expect(p).to.be.closeTo(counted(values), 1e-12);
      }),
    );
  });

  it('is the same for A - B and B - A, in points or in percent, and with prompts more that are alike', () => {
    fc.assert(
      fc.property(differences, (values) => {
        const { p } = signFlip(values, '');
        const turned = values.map((value) => -value);
        expect(signFlip(turned, '').p).to.equal(p);
        expect(signFlip([...values, 0, 0], '').p).to.equal(p);
        expect(
          signFlip(
            values.map((value) => 100 * value),
            '',
          ),
        ).to.eql({ p, simulated: false });
      }),
    );
  });

  it('takes denominators up to 10,000', () => {
    expect(signFlip([1 / 10_000, 1], '').simulated).to.equal(false);
    expect(signFlip([1 / 10_001, 1], '').simulated).to.equal(true);
    expect(signFlip([1 / 101, 1 / 103], '').simulated, 'their common one is 10,403').to.equal(true);
  });

  it('takes 400 prompts, more than whole numbers can count', () => {
    expect(signFlip(many(400, 0.1), '').p).to.be.closeTo(2 ** -399, 1e-130);
    expect(signFlip([...many(200, 0.1), ...many(200, -0.1)], '').p).to.be.closeTo(1, 1e-12);
  });

  it('simulates what has no common denominator: near the truth, the same for the same runs', () => {
    // Each value stands for one in thirtieths, a little off, so that the true p is known.
    const whole = [1, 0.5, 0.5, -0.1, 0.7, 0.5, -0.5, 1, 0.1, 0.5];
    const off = whole.map((value, at) => value + Math.SQRT2 * 1e-7 * (at + 1));
    const exact = signFlip(whole, '').p;
    const { p, simulated } = signFlip(off, '43a-s0 43b-s0');
    expect(simulated).to.equal(true);
    // Ties of the whole ones are none here: they fall to one side or the other.
    expect(p).to.be.within(exact / 2, exact + 0.005);
    expect(signFlip(off, '43a-s0 43b-s0').p).to.equal(p);
    expect(signFlip(off, '43a-s1 43b-s0').p).to.not.equal(p);
  });

  it('never says 0 when it simulates: p = (b + 1) / (m + 1)', () => {
    const far = Array.from({ length: 40 }, (_, at) => 1 + Math.SQRT2 * 1e-5 * at);
    expect(signFlip(far, 'x')).to.eql({ p: 1 / 100_001, simulated: true });
  });

  it('does not take minutes for thousands of prompts in fractions that have much in common', () => {
    const many = Array.from({ length: 3000 }, (_, at) => (((at * 7919) % 9973) - 4986) / 9973);
    expect(signFlip(many, 'seed').simulated).to.equal(true);
    expect(signFlip(many.slice(0, 27), 'seed').simulated).to.equal(false);
  });
});
