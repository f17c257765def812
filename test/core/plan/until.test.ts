import { expect } from 'chai';
import { nextTime } from '../../../src/core/plan/until.ts';

const zone = process.env.TZ;
const next = (text: string, now: string): string => new Date(nextTime(text, Date.parse(now)).at).toISOString();

describe('core/until', () => {
  beforeEach(() => {
    process.env.TZ = 'Europe/Berlin';
  });
  afterEach(() => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  });

  it('is the next such local time: today if it is still to come, else tomorrow', () => {
    expect(next('07:00', '2026-11-28T21:00:00Z')).to.equal('2026-11-29T06:00:00.000Z');
    expect(next('7:00', '2026-11-28T05:59:59Z')).to.equal('2026-11-28T06:00:00.000Z');
    expect(next('07:00', '2026-11-28T06:00:00Z'), 'it is 07:00 now').to.equal('2026-11-29T06:00:00.000Z');
    expect(next('23:30', '2026-12-31T22:45:00Z')).to.equal('2027-01-01T22:30:00.000Z');
  });

  it('follows the clocks when they change in the night', () => {
    expect(next('07:00', '2026-03-28T21:00:00Z'), 'forward: an hour less').to.equal('2026-03-29T05:00:00.000Z');
    expect(next('07:00', '2026-10-24T20:00:00Z'), 'back: an hour more').to.equal('2026-10-25T06:00:00.000Z');
    expect(next('02:30', '2026-03-28T21:00:00Z'), 'a time that does not come').to.equal('2026-03-29T01:30:00.000Z');
    expect(next('02:30', '2026-10-24T20:00:00Z'), 'a time that comes twice').to.equal('2026-10-25T00:30:00.000Z');
    expect(next('02:30', '2026-10-25T00:45:00Z'), 'the second time').to.equal('2026-10-25T01:30:00.000Z');
  });
});
