import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { JournalLine } from '../../src/events/run.ts';
import { forgottenPhases } from '../../src/io/artifacts/forgotten.ts';
import { readRows } from '../../src/io/artifacts/results-file.ts';
import { upsertRow } from '../../src/io/artifacts/results-store.ts';
import { openJournal, readJournal, readRun } from '../../src/io/artifacts/run-folder.ts';
import type { Workspace } from '../../src/io/workspace/workspace.ts';
import { type Acceptance, type AcceptContext, type Accepted, acceptConfig } from '../../src/producers/accept.ts';
import { isNameOf, numbered } from '../../src/producers/claim.ts';
import { cause, rehearsedLine } from '../helpers/rehearsals.ts';
import { makeRow, makeRun } from '../helpers/rows.ts';
import { acceptInto, dyingAt, freshWorkspace } from './setting.ts';

const at = '2026-11-28T21:00:00.000Z';
const failure: JournalLine = {
  ...{ event: 'failed', at, stage: 'train', attempt: 1, code: 'NAN_LOSS', message: 'm', log: [], seconds: 1 },
  retry_at: null,
};
const of = { code: 'NAN_LOSS', stage: 'train', attempt: 1, message: 'm' } as const;
const before = 'phase: 43a\nseeds: [0, 1]\ntrain: { iters: 900 }\n';
const corrected = 'phase: 43a\nseeds: [0, 2]\ntrain: { iters: 800 }\n';

describe('producers/replace', () => {
  let workspace: Workspace;

  beforeEach(async () => {
    workspace = await freshWorkspace();
  });

  const folder = (...names: string[]): string => join(workspace.artifacts, ...names);
  const accept = (
    text: string,
    name = '43a.yaml',
    context: AcceptContext = acceptInto(workspace),
  ): Promise<Acceptance> => acceptConfig({ name, acceptedAs: name, bytes: Buffer.from(text) }, context);

  async function write(run: string, ...lines: readonly JournalLine[]): Promise<void> {
    const journal = await openJournal(folder(run.replace(/-s.*/, ''), run));
    for (const line of lines) await journal.append(line);
    await journal.close();
  }
  /** The run fails in its first stage. */
  async function fail(run: string): Promise<void> {
    await write(run, { event: 'started', at }, failure, { event: 'row', at });
    await upsertRow(
      workspace.artifacts,
      makeRow({ run, status: 'failed', overall: null, error: { ...of, log: [] } }),
      () => 0,
    );
  }

  it('replaces a phase of which nothing has run; what it replaces is kept, its rows too, and the difference is said', async () => {
    await accept(before);
    await fail('43a-s0');
    await write('43a-s1', rehearsedLine({ error: cause }));
    const acceptance = await accept(corrected);
    expect(acceptance).to.include({
      kind: 'accepted',
      summary: `phase 43a, 2 new runs (43a-s0, 43a-s2). The phase that had this name is now in ${folder('.forgotten/43a/1')}. Changed: seeds: [0,1] -> [0,2], train.iters: 900 -> 800. Old rows are kept in results.jsonl.old`,
    });
    expect((await readdir(folder('43a'))).sort()).to.eql(['43a-s0', '43a-s2', 'phase.json']);
    expect((await readJournal(folder('43a/43a-s0'))).map(({ event }) => event)).to.eql(['accepted']);
    expect((await readRun(folder('43a/43a-s0')))?.number, 'numbers are not used twice').to.equal(3);
    expect((await readdir(folder('.forgotten/43a/1'))).sort()).to.eql(['43a-s0', '43a-s1', 'phase.json']);
    expect(await readJournal(folder('.forgotten/43a/1/43a-s0'))).to.have.length(4);
    expect([...(await forgottenPhases(workspace.artifacts))], 'its name is used').to.eql([]);
    expect(await readRows(workspace.artifacts)).to.eql([]);
    expect(await readFile(folder('results.jsonl.old'), 'utf8')).to.contain('NAN_LOSS');
    await accept(before);
    expect(await readdir(folder('.forgotten/43a')), 'and once more').to.have.members(['1', '2']);
  });

  const kept: Record<string, [() => Promise<unknown>, RegExp]> = {
    'a stage is finished': [
      () => mkdir(folder('43a/43a-s1/1-train')),
      /Runs that already have finished stages: 43a-s1\./,
    ],
    'a stage was finished, and removed by a retry': [
      () => write('43a-s0', { event: 'committed', at, stage: 'train', attempt: 1, seconds: 1 }),
      /Runs that already have finished stages: 43a-s0\./,
    ],
    'a run works': [
      () => write('43a-s1', { event: 'started', at }),
      /Working now: 43a-s1\. After `phasebox cancel 43a`/,
    ],
    'a cancelled run has no row yet': [() => write('43a-s1', { event: 'cancelled', at }), /Working now: 43a-s1\./],
    'a folder was removed': [() => rm(folder('43a/43a-s0'), { recursive: true }), /not known what 43a-s0 has done/],
    'a journal is damaged': [() => writeFile(folder('43a/43a-s0/journal.jsonl'), '{}\n'), /not known what 43a-s0/],
    'a run of another phase starts from it': [
      async () => {
        const reader = makeRun({ run: '43b-s0', phase: '43b', from: { run: '43a-s0', after: 'train' } });
        await mkdir(folder('43b/43b-s0'), { recursive: true });
        await writeFile(folder('43b/43b-s0/run.json'), JSON.stringify(reader));
      },
      /start from it: 43b-s0\. After `phasebox cancel 43b`, `phasebox forget 43b`/,
    ],
  };
  for (const [what, [happens, reason]] of Object.entries(kept))
    it(`does not, and changes nothing, when ${what}`, async () => {
      await accept(before);
      await happens();
      const acceptance = await accept(corrected);
      expect(acceptance.kind === 'rejected' ? acceptance.reasons : acceptance.summary).to.match(reason);
      expect(await readdir(workspace.artifacts)).not.to.include('.forgotten');
      expect(await readdir(folder('43a'))).to.include('43a-s1');
    });

  it('does not replace it with a file of another name, which may be a copy for another phase', async () => {
    await accept(before);
    const acceptance = await accept(corrected, '43b.yaml');
    expect(acceptance.kind === 'rejected' && acceptance.reasons).to.match(
      /a file of the name 43a\.yaml with `phase: 43a`/,
    );
    for (const [name, n] of [
      ['43a.yaml', 1],
      ['43a.yaml', 2],
      ['43a', 3],
      ['43.2.yaml', 1],
      ['43.2.yaml', 4],
    ] as const)
      expect(isNameOf(name, numbered(name, n)), `${name} ${n}`).to.equal(true);
    expect([isNameOf('43a.yaml', '43a.yml'), isNameOf('43a.2.yaml', '43a.yaml')]).to.eql([false, false]);
  });

  it('looks again while nothing is admitted: a run that has started meanwhile stays', async () => {
    await accept(before);
    const alone = async (work: () => Promise<void>): Promise<void> => {
      await write('43a-s0', { event: 'started', at });
      await work();
    };
    const acceptance = await accept(corrected, '43a.yaml', { ...acceptInto(workspace), alone });
    expect(acceptance.kind === 'rejected' && acceptance.reasons).to.contain('Working now: 43a-s0.');
    expect((await readdir(folder('43a'))).sort()).to.eql(['43a-s0', '43a-s1', 'phase.json']);
  });

  it('leaves the old phase or the new one when it dies before any of its steps', async () => {
    for (let step = 1; ; step += 1) {
      workspace = await freshWorkspace();
      await accept(before);
      for (const run of ['43a-s0', '43a-s1']) await fail(run);
      const said: string[] = [];
      const context = { ...acceptInto(workspace), onAccepted: ({ summary }: Accepted) => void said.push(summary) };
      const died = await accept(corrected, '43a.yaml', { ...context, store: dyingAt(step) }).then(
        () => false,
        () => true,
      );
      if (!died) {
        expect(step).to.be.greaterThan(15);
        break;
      }
      await accept(corrected, '43a.yaml', context);
      expect(said.join(), `step ${step}`).to.contain('train.iters: 900 -> 800');
      expect((await readdir(folder('43a'))).sort(), `step ${step}`).to.eql(['43a-s0', '43a-s2', 'phase.json']);
      expect((await readdir(folder('.forgotten/43a/1'))).sort()).to.eql(['43a-s0', '43a-s1', 'phase.json']);
      expect(await readRows(workspace.artifacts), `step ${step}`).to.eql([]);
      expect((await readFile(folder('results.jsonl.old'), 'utf8')).trim().split('\n')).to.have.length(2);
    }
  });
});
