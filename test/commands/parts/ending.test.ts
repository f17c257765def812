import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { allDone, openSteps, outOfTime } from '../../../src/commands/parts/ending.ts';
import { attemptFolder } from '../../../src/events/stages.ts';
import { isAlive, startTool } from '../../../src/io/tool/tool-process.ts';
import type { Runtime } from '../../../src/workers/runtime/runtime.ts';
import { tempDir, waitFor } from '../../helpers/temp.ts';

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

  describe('at the deadline, with --pause-at-end', () => {
    const said: string[] = [];
    const screen = { line: (text: string) => said.push(text), live: () => undefined, close: () => undefined };
    const ends = (folder: string, stage: string) => {
      const busyRuns = new Map([['a-s0', { stage, attempt: 1 }]]);
      const runStore = { get: () => ({ folder, run: { run: 'a-s0' } }), all: () => [] };
      const until = { at: Date.now() - 1, text: '07:00' };
      const workers = { isOutOfTime: async () => true, whyStuck: async () => null };
      const inbox = { settled: async () => undefined, isEmpty: async () => true };
      const runtime = { busyRuns, runStore, until, workspace: {}, rows: new Map() } as unknown as Runtime;
      return outOfTime({ runtime, inbox, workers, steps: openSteps() }, { pauses: true, screen });
    };
    const training = async () => {
      const folder = await tempDir('at-the-end');
      const dir = join(folder, attemptFolder('train', 1));
      const tool = await startTool({ dir, argv: ['sleep', '60'], env: {}, cwd: folder });
      await waitFor('its start', () => isAlive(dir));
      return { folder, dir, tool };
    };

    it('asks a training to save its state and to end, without this process', async () => {
      const { folder, dir, tool } = await training();
      expect(await ends(folder, 'train')).to.equal('detach');
      expect(await readdir(dir)).to.include('pause');
      expect(said.at(-1)).to.match(/^train of a-s0 saves its state .* the next `phasebox up` resumes it/);
      await tool.stop();
      await tool.ended;
    });

    it('stops what has no state, and waits for a training that cannot save one', async () => {
      expect(await ends(await tempDir('at-the-end'), 'train'), 'its data is being checked').to.equal('stop');
      expect(await ends(await tempDir('at-the-end'), 'eval')).to.equal('stop');
      const { folder, dir, tool } = await training();
      await writeFile(join(dir, 'progress.jsonl'), '{"event":"fallback","time":1,"why":"no hook fits"}\n');
      expect(await ends(folder, 'train')).to.equal('late');
      expect(await readdir(dir)).to.not.include('pause');
      await tool.stop();
      await tool.ended;
    });
  });
});
