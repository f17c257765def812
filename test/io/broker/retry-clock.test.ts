import { expect } from 'chai';
import { openRetryClock } from '../../../src/io/broker/retry-clock.ts';

const due = (notBefore: number | null, attempt = 2) => ({
  event: { run: 'a-s0', stage: 'train' as const, attempt },
  notBefore,
});
const minute = 60_000;

describe('the clock of retries', () => {
  const { now } = Date;
  afterEach(() => {
    Date.now = now;
  });
  const setClock = (by_ms: number): void => {
    Date.now = () => now() + by_ms;
  };

  it('waits until the time that the journal has, and not at all without one', () => {
    const clock = openRetryClock({ retry_pause_s: [30] });
    expect(clock.remaining(due(null))).to.equal(0);
    expect(clock.remaining(due(now() - 1))).to.equal(0);
    expect(clock.remaining(due(now() + 30_000, 3))).to.be.within(29_000, 30_000);
  });

  it('waits no longer when the clock of the machine is set back', () => {
    const clock = openRetryClock({ retry_pause_s: [30] });
    const retry = due(now() + 30_000);
    expect(clock.remaining(retry)).to.be.at.most(30_000);
    setClock(-180 * minute);
    expect(clock.remaining(retry)).to.be.at.most(30_000);
    setClock(minute);
    expect(clock.remaining(retry), 'set forward, or the machine slept').to.equal(0);
  });

  it('waits at most the longest pause there is when it learns of the time with a clock that was set back', () => {
    setClock(-180 * minute);
    const retry = due(now() + 30_000);
    expect(openRetryClock({ retry_pause_s: [30, 60] }).remaining(retry)).to.be.within(9 * minute, 10 * minute);
    expect(openRetryClock({ retry_pause_s: [3600] }).remaining(retry)).to.be.within(59 * minute, 60 * minute);
  });
});
