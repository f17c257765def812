import { expect } from 'chai';
import { openStall } from '../../../src/core/run/stall.ts';

const min = 60_000;
const limits = { least_ms: 10 * min, load_ms: 20 * min };

/** A tool that is looked at every 10 s. */
function tool(given = limits) {
  const look = openStall(given);
  let count = 0;
  const passed_ms = 10_000;
  return {
    works: () => look({ passed_ms, signs: String(count++), isSuspended: false }),
    stands: () => look({ passed_ms, signs: String(count), isSuspended: false }),
    suspended: () => look({ passed_ms, signs: String(count), isSuspended: true }),
  };
}

type Seen = number | null;
const times = (count: number, act: () => Seen): Seen[] => Array.from({ length: count }, act);
const isCalm = (seen: readonly Seen[]): boolean => seen.every((one) => one === null);

describe('core/run/stall', () => {
  it('is after ten minutes without progress, once progress is regular', () => {
    const { works, stands } = tool();
    expect(isCalm(times(20, works))).to.equal(true);
    const seen = times(70, stands);
    // The first of these looks still shows what the last one changed.
    expect(seen.findIndex((one) => one !== null)).to.be.within(60, 61);
    expect(seen.find((one) => one !== null)).to.be.within(10 * min, 11 * min);
  });

  it('is later for a tool that may still read its model', () => {
    const { works, stands } = tool();
    times(2, works);
    expect(isCalm(times(175, stands))).to.equal(true);
    expect(isCalm(times(10, stands))).to.equal(false);
  });

  it('is later for a slow tool: 20 times its usual step', () => {
    const { works, stands } = tool();
    for (let step = 0; step < 10; step++) [works(), ...times(11, stands)];
    expect(isCalm(times(20 * 12 - 15, stands))).to.equal(true);
    expect(isCalm(times(30, stands))).to.equal(false);
  });

  it('never is for a tool that is ten times slower from one moment on', () => {
    const { works, stands } = tool({ least_ms: min, load_ms: 0 });
    for (let step = 0; step < 100; step++) expect([works(), ...times(5, stands)].every((one) => one === null));
    const seen = Array.from({ length: 30 }, () => [works(), ...times(59, stands)]).flat();
    expect(isCalm(seen)).to.equal(true);
  });

  it('does not count time in which the tool is suspended', () => {
    const { works, stands, suspended } = tool();
    times(20, works);
    expect(isCalm(times(50, stands))).to.equal(true);
    expect(isCalm(times(1000, suspended))).to.equal(true);
    expect(isCalm(times(5, stands))).to.equal(true);
    expect(isCalm(times(10, stands))).to.equal(false);
  });
});
