import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import type { JournalLine } from '../../src/events/run.ts';
import { at, makeRun } from '../helpers/rows.ts';
import { makeWorkspace, shelveRun } from '../helpers/stored.ts';

type Line = JournalLine & { readonly at: string };

const works = (minute: number): Line => ({
  event: 'tool_started',
  at: at(minute),
  stage: 'train',
  attempt: 1,
  argv: [],
});

/** Three runs of 43a, of which s0 worked last, and s2 has not started. 43b waits. */
async function night(): Promise<string> {
  const workspace = await makeWorkspace();
  const journals: Readonly<Record<string, readonly Line[]>> = {
    '43a-s0': [works(1), { event: 'row', at: at(2) }, { event: 'retried', at: at(3), stage: null }, works(9)],
    '43a-s1': [works(4), { event: 'row', at: at(5) }],
    '43a-s2': [{ event: 'cancelled', at: at(10) }],
    '43b-s0': [],
  };
  for (const [index, [run, lines]] of Object.entries(journals).entries()) {
    const folder = await shelveRun(workspace, makeRun({ run, phase: run.slice(0, 3), number: index + 1 }));
    const all: readonly Line[] = [{ event: 'accepted', at: at(0), file: 'f' }, ...lines];
    await writeFile(join(folder, 'journal.jsonl'), all.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await mkdir(join(folder, '.1-train.a1'), { recursive: true });
    await writeFile(join(folder, '.1-train.a1/log.txt'), `log of ${run}\n`);
  }
  return workspace.root;
}

describe('phasebox logs', () => {
  let root = '';
  before(async () => {
    root = await night();
  });
  const logs = (...args: string[]) =>
    execa(process.execPath, ['--import', 'tsx', 'src/cli.ts', '--workspace', root, 'logs', ...args], { reject: false });

  it('prints those of the run of a phase that worked last, and says which one it is', async () => {
    const { exitCode, stdout } = await logs('43a');
    expect(exitCode).to.equal(0);
    expect(stdout).to.equal('logs of 43a-s0\n--- train, attempt 1\nlog of 43a-s0');
    expect((await logs('43a-s1')).stdout).to.equal('--- train, attempt 1\nlog of 43a-s1');
  });

  it('says that no run of a phase has started, or that there is no such run', async () => {
    const none = await logs('43b');
    expect([none.exitCode, none.stderr]).to.eql([2, 'No run of phase 43b has started yet, so there are no logs.']);
    const absent = await logs('43c');
    expect([absent.exitCode, absent.stderr]).to.eql([2, 'There is no run 43c. `phasebox status` lists the runs.']);
  });
});
