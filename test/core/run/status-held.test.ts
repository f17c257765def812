import { expect } from 'chai';
import { atRest, paused } from '../../../src/core/run/control.ts';
import { heldBy, isUntouched, laterWarnings, rehearsedIn } from '../../../src/core/run/due.ts';
import { runStatus } from '../../../src/core/run/status.ts';
import type { JournalLine } from '../../../src/events/run.ts';
import { cause, rehearsal, rehearsedLine } from '../../helpers/rehearsals.ts';
import { plan } from '../../helpers/runs.ts';

const at = '2026-01-01T00:00:00.000Z';
const accepted: JournalLine = { event: 'accepted', at, file: 'p.yaml' };
const held = [accepted, rehearsedLine({ error: cause })];
const statusOf = (journal: readonly JournalLine[], control = atRest) =>
  runStatus({ run: plan(), committed: new Set(), journal }, { now: 0, control });

describe('a held run', () => {
  it('has the cause and the remedy in its status, also if it is paused', () => {
    const why = 'It needs 40 GB, and the limit is 32 GB. Use a smaller batch_size.';
    for (const control of [atRest, paused(atRest, null, at)]) {
      const status = statusOf(held, control);
      expect(status).to.include({ state: 'held', stage: null, why });
      expect(status.rehearsed).to.deep.equal(rehearsal({ error: cause }));
    }
    expect(isUntouched(held)).to.equal(true);
  });

  it('waits again after a retry, and is held no more when it was cancelled', () => {
    const retried = [...held, { event: 'retried', at, stage: null } as const];
    expect(statusOf(retried)).to.include({ state: 'waiting', why: null });
    expect(rehearsedIn(retried)).to.equal(null);
    const cancelled = [...held, { event: 'cancelled', at } as const];
    expect(statusOf(cancelled)).to.include({ state: 'cancelled' });
    expect(heldBy(cancelled)).to.equal(null);
    expect(heldBy([...retried, rehearsedLine()])).to.equal(null);
  });
});

describe('a run whose rehearsal found no error', () => {
  it('waits, with what was found, and keeps its warnings', () => {
    const journal = [accepted, rehearsedLine({ warnings: ['tight'] })];
    const status = statusOf(journal);
    expect(status).to.include({ state: 'waiting' });
    expect(status.rehearsed).to.deep.equal(rehearsal({ warnings: ['tight'] }));
    expect(laterWarnings(journal)).to.deep.equal(['tight']);
    expect(statusOf([...journal, { event: 'started', at }])).not.to.have.property('rehearsed');
    expect(statusOf([accepted])).not.to.have.property('rehearsed');
  });
});
