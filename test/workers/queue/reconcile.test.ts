import { expect } from 'chai';
import { atRest } from '../../../src/core/run/control.ts';
import type { StoredRun } from '../../../src/io/artifacts/run-store.ts';
import { NoAnswer } from '../../../src/io/broker/broker-probe.ts';
import type { Admission } from '../../../src/workers/queue/admission.ts';
import { type Reconciler, startReconciler } from '../../../src/workers/queue/reconcile.ts';
import type { Runtime } from '../../../src/workers/runtime/runtime.ts';
import { waitFor } from '../../helpers/temp.ts';

interface Scene {
  readonly ensure?: () => Promise<void>;
  readonly admit?: () => Promise<void>;
}

let opened: Reconciler | undefined;

/** One started run on a disk without faults. `told`: what the pass did with it, in order. */
function scene({ ensure = async () => undefined, admit = async () => undefined }: Scene) {
  const stored = { run: { run: 'p-s0', chain: ['train'] } } as unknown as StoredRun;
  const journal = [{ event: 'started', at: '2026-11-28T00:00:00.000Z' }];
  const told: string[] = [];
  const down = new AbortController();
  let [troubled, looks]: [boolean, number] = [false, 0];
  let then: () => void = () => undefined;
  const runtime = {
    rows: new Set(),
    busyRuns: new Map(),
    control: { now: () => atRest },
    signal: down.signal,
    runStore: {
      refresh: async () => [],
      leftOut: () => [],
      all: () => [stored],
      journal: async () => journal,
      state: async () => ({ run: stored.run, committed: new Set(), journal }),
    },
    log: {
      error: ({ err }: { err: Error }) => told.push(`error: ${err.message}`),
      warn: ({ err }: { err: Error }) => told.push(`warn: ${err.message}`),
    },
    bus: {
      look: async () => {
        looks++;
        return null;
      },
      ensure,
      onDoubt: () => undefined,
      onRefused: () => undefined,
      awaySince: () => null,
      hold: async () => void told.push('hold'),
      release: () => void told.push('release'),
    },
  } as unknown as Runtime;
  const reconciler = startReconciler({
    runtime,
    admission: { ensure: admit } as unknown as Admission,
    trouble: {
      now: () => (troubled ? { since: '', message: '' } : null),
      report: async (refusal) => {
        troubled = refusal !== null;
        told.push(`report ${refusal?.kind ?? 'none'}`);
      },
      close: async () => undefined,
    },
    withoutQueue: {
      begin: (_, next, again) => {
        then = again;
        told.push(`begin ${next.event.stage}`);
      },
      settled: async () => undefined,
    },
  });
  opened = reconciler;
  return { reconciler, told, down, looks: () => looks, settle: () => then() };
}

describe('workers/reconcile', () => {
  afterEach(() => opened?.close());

  const silent = () => Promise.reject(new NoAnswer('no answer within 4 s'));
  const broken = () => Promise.reject(new Error('EACCES: models/base'));

  for (const [name, given, expected] of [
    ['reports a broker that answers the look and not the calls', { ensure: silent }, ['report away', 'begin train']],
    ['the same for the admission', { admit: silent }, ['report away', 'begin train']],
    [
      'releases the queues when the admission fails by itself',
      { admit: broken },
      ['error: EACCES: models/base', 'report none', 'release'],
    ],
  ] as const)
    it(name, async () => {
      const { reconciler, told } = scene(given);
      await reconciler.now();
      await reconciler.close();
      expect(told).to.eql([...expected]);
    });

  it('starts no pass for a stage that ends while `up` goes down', async () => {
    const { reconciler, told, down, looks, settle } = scene({ ensure: silent });
    await reconciler.now();
    settle();
    await waitFor('the pass after a stage', () => told.length === 4);
    down.abort('detach');
    await reconciler.close();
    const before = looks();
    settle();
    await reconciler.close();
    expect(looks()).to.equal(before);
  });
});
