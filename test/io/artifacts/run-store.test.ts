import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { JournalLine } from '../../../src/events/run.ts';
import { openRunStore } from '../../../src/io/artifacts/run-store.ts';
import type { Workspace } from '../../../src/io/workspace/workspace.ts';
import { at, makeRun } from '../../helpers/rows.ts';
import { makeWorkspace, shelveRun } from '../../helpers/stored.ts';

const history: readonly JournalLine[] = [
  { event: 'accepted', at: at(0), file: '43a.yaml' },
  { event: 'started', at: at(1) },
  { event: 'committed', at: at(2), stage: 'train', attempt: 1, seconds: 60 },
  { event: 'row', at: at(3) },
];
const text = (lines: readonly JournalLine[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join('');

/** Runs 43a-s0, 43a-s1 ... with these journals. */
async function finishedRuns(...journals: readonly string[]): Promise<Workspace> {
  const workspace = await makeWorkspace();
  for (const [seed, journal] of journals.entries()) {
    const folder = await shelveRun(workspace, makeRun({ run: `43a-s${seed}`, seed, number: seed + 1 }));
    await writeFile(join(folder, 'journal.jsonl'), journal);
  }
  return workspace;
}

describe('runStore', () => {
  it('names a finished run whose journal or plan is damaged, whatever the damage, and no other', async () => {
    const whole = text(history);
    const workspace = await finishedRuns(
      whole,
      whole.replace('"file":"43a.yaml"', '"file":43'),
      whole.replace('{"event":"started"', '\u0000\u0000'),
      whole.replace('"event":"committed"', '"event":"made"').replace('"seconds":60}', '"seconds":'),
      whole.replace('"event":"row"', '"event":"row","unheard_of":1'),
      whole,
    );
    await writeFile(join(workspace.artifacts, '43a/43a-s5/run.json'), '{"version": 1, "run"');
    const runStore = openRunStore(workspace.artifacts);
    await runStore.refresh();
    expect(runStore.all().map(({ run }) => run.run)).to.eql(['43a-s0']);
    const names = runStore.leftOut().map((left) => `${left.kind} ${left.run}`);
    expect(names.sort()).to.eql([1, 2, 3, 4, 5].map((seed) => `damaged 43a-s${seed}`));
  });

  it('reads the journal of a finished run when it is needed, and loses no line that comes after its row', async () => {
    const workspace = await finishedRuns(text(history));
    const runStore = openRunStore(workspace.artifacts);
    await runStore.refresh();
    const [stored] = runStore.all();
    if (stored === undefined) throw new Error('no run');
    const later: readonly JournalLine[] = [
      { event: 'retried', at: at(4), stage: null },
      { event: 'started', at: at(5) },
      { event: 'row', at: at(6) },
    ];
    const reads: Promise<readonly JournalLine[]>[] = [];
    for (const line of later) {
      reads.push(runStore.journal(stored));
      const appended = runStore.append(stored, line);
      reads.push(runStore.journal(stored));
      await appended;
    }
    await Promise.all(reads);
    expect(await runStore.journal(stored)).to.eql([...history, ...later]);
    expect(await readFile(join(stored.folder, 'journal.jsonl'), 'utf8')).to.equal(text([...history, ...later]));
    await runStore.close();
  });

  it('keeps what was doubtful in the model of a finished run', async () => {
    const fetched: JournalLine = { event: 'fetched', at: at(1), revision: null, warnings: ['no chat template'] };
    const workspace = await finishedRuns(text(history), text([fetched, ...history]));
    await mkdir(join(workspace.artifacts, 'notes'));
    await appendFile(join(workspace.artifacts, 'notes/mine.txt'), 'mine');
    const runStore = openRunStore(workspace.artifacts);
    await runStore.refresh();
    const warnings = await Promise.all(runStore.all().map((stored) => runStore.laterWarnings(stored)));
    expect(warnings).to.eql([[], ['no chat template']]);
  });
});
