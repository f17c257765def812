import { expect } from 'chai';
import { type Probe, probeOf, sameProbe } from '../../../src/core/score/probe.ts';

const response = (content: unknown) => ({ choices: [{ message: { content: 'x' }, logprobs: { content } }] });
const token = (...top: readonly [number, number | null][]) => ({
  id: 7,
  logprob: -1,
  top_logprobs: top.map(([id, logprob]) => ({ id, token: 't', logprob })),
});

describe('core/probe', () => {
  it('reads the likeliest tokens of each place, by id; what sends none is no probe', () => {
    expect(probeOf(response([token([5, -0.5], [2, -1]), {}]))).to.deep.equal([
      [
        [2, -1],
        [5, -0.5],
      ],
      [],
    ]);
    for (const odd of [null, {}, { choices: [] }, { choices: [{ logprobs: null }] }, response([]), response('x')])
      expect(probeOf(odd)).to.equal(null);
  });

  it('tells two models apart by a token or a probability, not by rounding', () => {
    const probe: Probe = [[[2, -1]], [[3, null]]];
    expect(sameProbe(probe, [[[2, -1 + 1e-9]], [[3, null]]])).to.equal(true);
    expect(sameProbe(probe, [[[2, -1.001]], [[3, null]]])).to.equal(false);
    expect(sameProbe(probe, [[[4, -1]], [[3, null]]])).to.equal(false);
    expect(sameProbe(probe, [[[2, -1]], [[3, -1]]])).to.equal(false);
    expect(sameProbe(probe, [[[2, -1]]])).to.equal(false);
  });
});
