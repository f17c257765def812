import { expect } from 'chai';
import { readiness, type Source, standing } from '../../../src/core/run/due.ts';
import { retryPause } from '../../../src/core/run/retry.ts';
import type { JournalLine } from '../../../src/events/run.ts';
import { plan } from '../../helpers/runs.ts';

const at = '2026-01-01T00:00:00.000Z';
const policy = { stage_retries: 3, retry_pause_s: [30, 60, 120] };

describe('standing', () => {
  it('tells waiting, started, ended and over apart', () => {
    const started: JournalLine = { event: 'started', at };
    expect(standing([], false)).to.equal('waiting');
    expect(standing([started], false)).to.equal('started');
    expect(standing([started, { event: 'cancelled', at }], false)).to.equal('ended');
    expect(standing([started], true)).to.equal('over');
    expect(standing([started, { event: 'retried', at, stage: null }], false)).to.equal('waiting');
  });
});

describe('readiness of a run that starts from another', () => {
  const origin = { run: 'a-s0', after: 'train' } as const;
  const source = (journal: readonly JournalLine[], over: Partial<Source> = {}): Source => ({
    state: { run: plan(), committed: new Set<never>(), journal },
    ...{ committed: false, hasRow: false, ...over },
  });

  it('is ready when the stage is committed, whatever happened to the source later', () => {
    expect(readiness(origin, source([{ event: 'cancelled', at }], { committed: true }))).to.deep.equal({
      kind: 'ready',
    });
  });
  it('waits for a source that may still come', () => {
    expect(readiness(origin, source([]))).to.deep.equal({ kind: 'not_yet' });
  });
  it('is lost when the source is not known, or ended before', () => {
    expect(readiness(origin, undefined).kind).to.equal('lost');
    expect(readiness(origin, { damage: '/a/run.json is empty' })).to.deep.equal({
      kind: 'lost',
      why: 'a-s0 is damaged. /a/run.json is empty',
    });
    const lost = readiness(origin, source([{ event: 'cancelled', at }]));
    expect(lost).to.deep.equal({ kind: 'lost', why: 'a-s0 was cancelled before train was done' });
  });
  it('is lost when the stage of a source that is done was deleted, and not yet lost when that run is retried', () => {
    const why = '1-train of a-s0 was deleted after it was done';
    expect(readiness(origin, source([{ event: 'row', at }], { hasRow: true }))).to.deep.equal({ kind: 'lost', why });
    const again = source([
      { event: 'row', at },
      { event: 'retried', at, stage: 'train' },
    ]);
    expect(readiness(origin, again)).to.deep.equal({ kind: 'not_yet' });
  });
});

describe('retryPause', () => {
  const gpu = (count: number): string[] => Array.from({ length: count }, () => 'GPU_FAULT');

  it('pauses longer each time and stops after stage_retries', () => {
    for (const code of ['GPU_FAULT', 'CONNECTION_RESET', 'SERVER_DIED', 'OUTPUT_DAMAGED'] as const)
      expect([0, 1, 2, 3].map((before) => retryPause(code, gpu(before), policy))).to.deep.equal([30, 60, 120, null]);
  });
  it('tries memory and what it does not know once more, also after other faults; a wrong setting never', () => {
    for (const code of ['OUT_OF_MEMORY', 'TOOL_FAILED'] as const) {
      expect(retryPause(code, [], policy)).to.equal(30);
      expect(retryPause(code, [code], policy)).to.equal(null);
      expect(retryPause(code, ['GPU_FAULT'], policy)).to.equal(60);
      expect(retryPause(code, ['GPU_FAULT', code], policy)).to.equal(null);
      expect(retryPause(code, gpu(3), policy)).to.equal(null);
    }
    for (const code of ['BAD_SETTINGS', 'MISSING_INPUT', 'NAN_LOSS'] as const)
      expect(retryPause(code, [], policy)).to.equal(null);
  });
  it('tries again without end on a full disk, less and less often, and counts neither that nor a stop', () => {
    const full = (count: number): string[] => Array.from({ length: count }, () => 'DISK_FULL');
    expect([0, 1, 2, 3, 4, 99].map((before) => retryPause('DISK_FULL', full(before), policy))).to.deep.equal([
      ...[30, 60, 120, 300, 600, 600],
    ]);
    expect(retryPause('GPU_FAULT', [...full(9), 'STOPPED', 'CANCELLED'], policy)).to.equal(30);
    expect(retryPause('STOPPED', gpu(99), policy)).to.equal(0);
  });
  it('repeats the last pause, and stage_retries: 0 means one attempt', () => {
    expect(retryPause('GPU_FAULT', gpu(4), { stage_retries: 9, retry_pause_s: [1, 2] })).to.equal(2);
    expect(retryPause('GPU_FAULT', [], { stage_retries: 0, retry_pause_s: [1] })).to.equal(null);
    expect(retryPause('TOOL_FAILED', [], { stage_retries: 0, retry_pause_s: [1] })).to.equal(null);
  });
});
