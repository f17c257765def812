import { expect } from 'chai';
import { workedBefore } from '../../../src/core/run/worked.ts';
import type { JournalLine } from '../../../src/events/run.ts';

const hour = 3_600_000;
const start = Date.parse('2026-11-27T23:00:00.000Z');
const at = (hours: number): string => new Date(start + hours * hour).toISOString();
const span = (from: number, to: number) => ({ from: start + from * hour, to: start + to * hour });
const train = { stage: 'train', attempt: 1 } as const;
const begun: JournalLine = { event: 'reserved', at: at(0), ...train, bytes: null };

describe('core/run/worked', () => {
  const worked = (journal: readonly JournalLine[], spans: ReturnType<typeof span>[], now: number) =>
    workedBefore(journal, train, { spans, now: start + now * hour });

  it('counts the tool until its end, and not the night without `up`', () => {
    expect(worked([begun], [span(0, 0.5)], 9)).to.equal(1800);
  });

  it('counts nothing for an attempt that only waited for the machine', () => {
    expect(worked([begun], [], 5)).to.equal(0);
  });

  it('counts tools that ran at the same time once, and what an earlier `up` had counted already only there', () => {
    const resumed: JournalLine = { event: 'resumed', at: at(2), ...train, seconds: 1800 };
    const spans = [span(0, 0.5), span(1, 3), span(2.5, 3), span(4, 5)];
    expect(worked([begun], spans, 9)).to.equal(3.5 * 3600);
    expect(worked([begun, resumed], spans, 9)).to.equal(1800 + 2 * 3600);
    expect(worked([begun, resumed], spans, 4.5)).to.equal(1800 + 1.5 * 3600);
  });

  it('knows an attempt that has not begun by its stage and number', () => {
    const failed: JournalLine[] = [begun, { ...begun, stage: 'fuse' }];
    expect(workedBefore(failed, { stage: 'train', attempt: 2 }, { spans: [], now: start })).to.equal(null);
  });
});
