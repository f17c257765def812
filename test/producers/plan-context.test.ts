import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { RunDraft } from '../../src/core/config/lookups.ts';
import { dataChecks } from '../../src/producers/plan-context.ts';
import { configWorkspace } from '../helpers/config-workspace.ts';
import { quickTrain } from '../helpers/real-stage.ts';
import { plan } from '../helpers/runs.ts';
import { tempDir } from '../helpers/temp.ts';

describe('the data checks of a plan', () => {
  it('run one at a time, and once for the same data and model, in whatever order they are asked for', async () => {
    const folder = await tempDir('checks');
    const python = join(folder, 'python');
    const script = [
      '#!/bin/sh',
      `cd '${folder}'`,
      'mkdir lock || echo overlap >>calls',
      'echo checked >>calls',
      'for one in 1 2 3 4 5 6 7 8; do sh -c :; done',
      'rmdir lock',
      'exit 1',
    ];
    await writeFile(python, `${script.join('\n')}\n`, { mode: 0o755 });
    const { lookups } = await configWorkspace();
    lookups.look = async () => ({ kind: 'folder' }) as never;
    const { settings } = plan();
    const draft = (name: string): RunDraft =>
      plan({
        chain: ['train'],
        data: { source: name, folder: `/data/${name}` },
        model: { source: 'm', folder: '/m', revision: null, download: false },
        settings: { ...settings, train: quickTrain },
      });
    const check = dataChecks(python, lookups);
    const answers = await Promise.all(['a', 'b', 'a', 'c', 'b', 'd'].map((name) => check(draft(name))));
    expect(answers.map((one) => one?.checked)).to.eql(Array(6).fill(false));
    expect((await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n')).to.eql(Array(4).fill('checked'));
  });
});
