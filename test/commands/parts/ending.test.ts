import { expect } from 'chai';
import { allDone, openSteps } from '../../../src/commands/parts/ending.ts';
import type { Runtime } from '../../../src/workers/runtime/runtime.ts';

describe('commands/ending', () => {
  it('looks at the inbox only when every run has its row, and again when a file came meanwhile', async () => {
    const rows = new Set<string>();
    const runs = [{ run: { run: 'a-s0' } }];
    const runtime = { rows, runStore: { all: () => runs } } as unknown as Pick<Runtime, 'runStore' | 'rows'>;
    let scans = 0;
    const inbox = {
      async settled() {
        scans += 1;
        if (scans === 1) runs.push({ run: { run: 'b-s0' } });
      },
      isEmpty: async () => true,
    };
    const steps = openSteps();
    let ended = false;
    const done = allDone({
      runtime,
      inbox,
      workers: { isOutOfTime: async () => false, whyStuck: async () => null },
      steps,
    }).finally(() => {
      ended = true;
    });
    const step = async (change: () => void = () => undefined): Promise<void> => {
      change();
      steps.happened();
      await new Promise((resolve) => setImmediate(resolve));
    };
    for (let count = 0; count < 10; count++) await step();
    expect(scans, 'while a run works').to.equal(0);
    rows.add('a-s0');
    while (scans === 0) await step();
    expect(ended).to.equal(false);
    rows.add('b-s0');
    while (!ended) await step();
    expect(await done).to.equal('done');
    expect(scans).to.equal(2);
  });
});
