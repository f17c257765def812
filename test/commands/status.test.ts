import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readStatus, statusText } from '../../src/commands/status.ts';
import { openControl } from '../../src/io/workspace/state-files.ts';
import type { Workspace } from '../../src/io/workspace/workspace.ts';
import { at, makeRow, makeRun } from '../helpers/rows.ts';
import { makeWorkspace, shelveRun } from '../helpers/stored.ts';

const textOf = async (workspace: Workspace, all?: boolean): Promise<string> => {
  const { status, ...forPeople } = await readStatus(workspace);
  return statusText(status, forPeople, all);
};

describe('phasebox status', () => {
  it('lists finished runs by acceptance, and then the others in the order in which they start', async () => {
    const workspace = await makeWorkspace();
    const names = ['a-s0', 'b-s0', 'c-s0', 'd-s0', 'e-s0'];
    for (const [index, run] of names.entries()) {
      const folder = await shelveRun(workspace, makeRun({ run, phase: run.slice(0, 1), number: index + 1 }));
      const lines: object[] = [{ event: 'accepted', at: at(0), file: 'f' }];
      if (run === 'b-s0') lines.push({ event: 'started', at: at(1) }, { event: 'row', at: at(2) });
      await writeFile(join(folder, 'journal.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    }
    const row = makeRow({ run: 'b-s0', phase: 'b' });
    await writeFile(join(workspace.artifacts, 'results.jsonl'), `${JSON.stringify(row)}\n`);
    const control = await openControl(workspace.state, () => undefined);
    await control.set({
      ...control.now(),
      first: ['d-s0'],
      pauses: [{ kind: 'run', name: 'a-s0', at: at(3) }],
    });
    const { status } = await readStatus(workspace);
    expect(status.runs.map(({ run, state }) => `${run} ${state}`)).to.eql([
      ...['b-s0 done', 'd-s0 waiting', 'c-s0 waiting', 'e-s0 waiting', 'a-s0 paused'],
    ]);
  });

  it('lists files that were rejected in the last day, and older ones with --all', async () => {
    const workspace = await makeWorkspace();
    const folder = join(workspace.inbox, 'rejected');
    await mkdir(folder, { recursive: true });
    for (const name of ['new.yaml', 'old.yaml']) await writeFile(join(folder, `${name}.reasons.txt`), 'not valid\n');
    expect(await textOf(workspace)).to.contain('rejected: new.yaml, old.yaml (reasons in inbox/rejected/)\n');
    const before = new Date(Date.now() - 25 * 60 * 60 * 1000);
    await utimes(join(folder, 'old.yaml.reasons.txt'), before, before);
    expect(await textOf(workspace)).to.contain('rejected: new.yaml (reasons in inbox/rejected/)\n');
    expect(await textOf(workspace, true)).to.contain('rejected: new.yaml, old.yaml (reasons in inbox/rejected/)\n');
    const { rejected } = (await readStatus(workspace)).status;
    expect(rejected.map(({ file }) => file)).to.eql(['new.yaml', 'old.yaml']);
    expect(rejected[1]?.at).to.equal(before.toISOString());
  });
});
