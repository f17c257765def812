import { expect } from 'chai';
import type { StageName } from '../../../src/events/stages.ts';
import type { StoredRun } from '../../../src/io/artifacts/run-store.ts';
import type { Admission } from '../../../src/workers/queue/admission.ts';
import { openWithoutQueue } from '../../../src/workers/queue/without-queue.ts';
import type { Runtime } from '../../../src/workers/runtime/runtime.ts';
import type { Stage } from '../../../src/workers/stages/stage.ts';
import { waitFor } from '../../helpers/temp.ts';

const list = (['train', 'fuse'] as const).map((name) => ({ name }) as unknown as Stage);
const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });

/** What is begun asks the disk first: `answer` is what the disk says there. */
function withDisk(answer: (run: string) => Promise<unknown>) {
  const stored = (run: string) => ({ run: { run }, folder: `/artifacts/p/${run}` }) as unknown as StoredRun;
  const errors: string[] = [];
  const asked: string[] = [];
  const state = ({ run }: StoredRun): Promise<unknown> => {
    asked.push(run.run);
    return answer(run.run);
  };
  const busyRuns: Runtime['busyRuns'] = new Map();
  const runtime = {
    busyRuns,
    runStore: { get: stored, state },
    rows: new Set(),
    turn: (_: string, work: () => Promise<unknown>) => work(),
    clock: { remaining: () => 0 },
    signal: new AbortController().signal,
    log: { error: (what: { err: Error }) => errors.push(what.err.message), debug: () => undefined },
  } as unknown as Runtime;
  const withoutQueue = openWithoutQueue({ runtime, admission: {} as Admission, list });
  let passes = 0;
  const begin = (run: string, stage: StageName | 'results'): void =>
    withoutQueue.begin(stored(run), { event: { run, stage, attempt: 1 }, notBefore: null }, () => passes++);
  return { begin, asked, errors, busyRuns, settled: () => withoutQueue.settled(), passes: () => passes };
}

describe('workers/without-queue', () => {
  for (const stage of ['train', 'results'] as const)
    it(`reports an error of ${stage} that no journal holds, once, and starts no pass for it`, async () => {
      const disk = withDisk(() => Promise.reject(full));
      for (let time = 0; time < 2; time++) {
        disk.begin('p-s0', stage);
        await disk.settled();
      }
      expect(disk.asked).to.eql(['p-s0', 'p-s0']);
      expect([disk.errors, disk.passes()]).to.eql([[full.message], 0]);
    });

  it('starts a pass when a stage has ended', async () => {
    const disk = withDisk(async () => ({ run: { chain: ['train'] }, committed: new Set(), journal: [] }));
    disk.begin('p-s0', 'train');
    await disk.settled();
    expect([disk.errors, disk.passes()]).to.eql([[], 1]);
  });

  it('works on one run a stage, as the queues do', async () => {
    let free: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      free = resolve;
    });
    const disk = withDisk(() => held.then(() => Promise.reject(full)));
    disk.begin('p-s0', 'train');
    disk.begin('p-s1', 'train');
    disk.begin('p-s0', 'fuse');
    disk.begin('p-s2', 'fuse');
    await waitFor('what was begun', () => disk.asked.length >= 2);
    expect(disk.asked).to.eql(['p-s0', 'p-s2']);
    free();
    await disk.settled();
    // A consumer may still have a run in hand that it took before the broker refused.
    disk.busyRuns.set('p-s4', { stage: 'train' } as never);
    disk.begin('p-s1', 'train');
    await disk.settled();
    expect(disk.asked).to.eql(['p-s0', 'p-s2']);
  });
});
