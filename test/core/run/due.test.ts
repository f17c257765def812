import { expect } from 'chai';
import fc from 'fast-check';
import { due, ending, isStarted } from '../../../src/core/run/due.ts';
import type { JournalLine } from '../../../src/events/run.ts';
import { madePaths, type StageName, stageFolder, stageNames } from '../../../src/events/stages.ts';
import { plan } from '../../helpers/runs.ts';

const at = '2026-01-01T00:00:00.000Z';
const failed = (stage: StageName, attempt: number, retry_at: string | null): JournalLine => ({
  event: 'failed',
  at,
  stage,
  attempt,
  code: 'TOOL_FAILED',
  message: 'it broke',
  log: [],
  seconds: 1,
  retry_at,
});
const run = plan();
const state = (committed: readonly StageName[], journal: readonly JournalLine[]) => ({
  run,
  committed: new Set(committed),
  journal,
});

describe('due', () => {
  it('is the first stage of the chain without a manifest, in its first attempt', () => {
    expect(due(state([], []), false)?.event).to.deep.equal({ run: 'p-s0', stage: 'train', attempt: 1 });
    expect(due(state(['train'], []), false)?.event).to.deep.equal({ run: 'p-s0', stage: 'fuse', attempt: 1 });
  });

  it('counts failed attempts of that stage alone and waits until the retry', () => {
    const later = '2026-01-01T00:01:00.000Z';
    const journal = [failed('train', 1, at), failed('train', 2, later), failed('fuse', 1, at)];
    expect(due(state([], journal), false)).to.deep.equal({
      event: { run: 'p-s0', stage: 'train', attempt: 3 },
      notBefore: Date.parse(later),
    });
  });

  it('is the row once every stage is committed, once a failure is final, once the run is cancelled, and nothing after it', () => {
    const results = { run: 'p-s0', stage: 'results', attempt: 1 };
    expect(due(state(['train', 'fuse', 'cleanup', 'eval'], []), false)?.event).to.deep.equal(results);
    expect(due(state(['train'], [failed('fuse', 1, null)]), false)?.event).to.deep.equal(results);
    expect(due(state([], [{ event: 'cancelled', at }]), false)?.event).to.deep.equal(results);
    expect(due(state([], [{ event: 'source_failed', at, message: 'x' }]), false)?.event).to.deep.equal(results);
    expect(due(state(['train'], []), true)).to.equal(null);
  });

  it('after a retry continues at the failed stage, under a new attempt number, and has to be admitted again', () => {
    const journal: JournalLine[] = [
      { event: 'started', at },
      failed('fuse', 1, null),
      { event: 'row', at },
      { event: 'retried', at, stage: null },
    ];
    expect(due(state(['train'], journal), false)?.event).to.deep.equal({ run: 'p-s0', stage: 'fuse', attempt: 2 });
    expect(isStarted(journal)).to.equal(false);
    expect(ending(journal)).to.equal(undefined);
  });

  it('for any folder: never a committed stage, never past an uncommitted one, attempts only grow', () => {
    const anyStage = fc.constantFrom(...run.chain);
    const line = fc.oneof(
      fc
        .tuple(anyStage, fc.integer({ min: 1, max: 4 }), fc.boolean())
        .map(([stage, n, final]) => failed(stage, n, final ? null : at)),
      fc.constant<JournalLine>({ event: 'retried', at, stage: null }),
      fc.constant<JournalLine>({ event: 'started', at }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: run.chain.length }), fc.array(line, { maxLength: 12 }), (done, journal) => {
        const committed = run.chain.slice(0, done);
        const next = due(state(committed, journal), false);
        if (next === null) throw new Error('a run without a row always has something due');
        const { event } = next;
        if (event.stage === 'results') {
          expect(done === run.chain.length || ending(journal) !== undefined).to.equal(true);
          return;
        }
        expect(event.stage).to.equal(run.chain[done]);
        const more = due(state(committed, [...journal, failed(event.stage, event.attempt, at)]), false);
        expect(more?.event.attempt).to.equal(event.attempt + 1);
      }),
    );
  });
});

describe('the stages table', () => {
  it('keeps its order: folder numbers are on disk in every workspace', () => {
    const folders = ['1-train', '2-select', '3-fuse', '4-quantize', '5-cleanup', '6-eval'];
    expect(stageNames.map(stageFolder)).to.deep.equal(folders);
  });

  it('knows each path in what a stage made by its schema, also in a manifest that names others', () => {
    const checkpoints = [{ iteration: 1, file: 'adapter/1' }];
    expect(madePaths('train', { adapter: 'adapter', checkpoints, profile: { rows: {} } })).to.eql([
      'adapter',
      'adapter/1',
    ]);
    expect(madePaths('fuse', { model: '../x', note: '/y' })).to.eql(['../x']);
    expect(madePaths('fuse', null)).to.eql([]);
  });
});
