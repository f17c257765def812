import { expect } from 'chai';
import { pino } from 'pino';
import { openNightLine } from '../../../src/commands/parts/night-line.ts';
import { openOwner } from '../../../src/commands/parts/open-runtime.ts';
import type { Live, Runtime } from '../../../src/workers/runtime/runtime.ts';
import { markBusy } from '../../../src/workers/runtime/runtime.ts';
import { makeWorkspace } from '../../helpers/stored.ts';
import { waitFor } from '../../helpers/temp.ts';

const hour = 3_600_000;

describe('commands/night-line', () => {
  it('after a sleep says how long it was; stages have not worked meanwhile, and the end is computed again', async () => {
    const workspace = await makeWorkspace();
    const owner = await openOwner({ workspace, log: pino({ enabled: false }), notice: () => undefined });
    const [said, asked]: [string[], string[]] = [[], []];
    // What the sum of the night reads first: whether it was made again.
    const all = () => {
      asked.push('all');
      return [];
    };
    const runStore = { ...owner.runStore, all };
    const runtime = { ...owner, runStore, until: null, signal: new AbortController().signal } as unknown as Runtime;
    let clock = Date.now();
    const night = openNightLine(
      runtime,
      (line) => said.push(line),
      () => clock,
    );
    for (const run of ['works', 'waits']) markBusy(runtime, { run, stage: 'train', attempt: 1 });
    const live = (run: string): Live => runtime.busyRuns.get(run)!;
    live('waits').waits = 'the machine';
    const before = { works: live('works').since, waits: live('waits').since };
    clock += 3 * hour;
    await waitFor('the sentence', () => said.length > 0);
    expect(said).to.have.length(1);
    expect(said[0]).to.match(/^this machine slept for 2 h 59 min/);
    expect(live('works').since, 'without the beat of the clock').to.equal(before.works + 3 * hour - 1000);
    expect(live('waits').since, 'it adds its waiting itself').to.equal(before.waits);
    await waitFor('the sum', () => asked.length > 0);
    night.close();
    await owner.runStore.close();
  });
});
