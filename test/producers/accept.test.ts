import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { phaseRecord, run as runSchema } from '../../src/events/run.ts';
import { acceptanceNumbers } from '../../src/io/artifacts/phase-store.ts';
import { readRows } from '../../src/io/artifacts/results-file.ts';
import { upsertRow } from '../../src/io/artifacts/results-store.ts';
import { openJournal, readJournal } from '../../src/io/artifacts/run-folder.ts';
import type { Workspace } from '../../src/io/workspace/workspace.ts';
import { type Acceptance, acceptConfig } from '../../src/producers/accept.ts';
import { makeRow } from '../helpers/rows.ts';
import { acceptInto, dyingAt, freshWorkspace } from './setting.ts';

const settings = 'train: { iters: 800 }\nnotes: as 33b\n';

describe('producers/accept', () => {
  let workspace: Workspace;

  beforeEach(async () => {
    workspace = await freshWorkspace();
  });

  const accept = (text: string, context = acceptInto(workspace)): Promise<Acceptance> =>
    acceptConfig({ name: '43a.yaml', acceptedAs: '43a.yaml', bytes: Buffer.from(text) }, context);
  const folder = (...names: string[]): string => join(workspace.artifacts, ...names);
  const runOf = async (phase: string, run: string) =>
    runSchema.parse(JSON.parse(await readFile(folder(phase, run, 'run.json'), 'utf8')));
  const recordOf = async (phase: string) =>
    phaseRecord.parse(JSON.parse(await readFile(folder(phase, 'phase.json'), 'utf8')));
  const reasonsOf = (acceptance: Acceptance): string =>
    acceptance.kind === 'rejected' ? acceptance.reasons : expect.fail(`accepted: ${acceptance.summary}`);
  const newRuns = (acceptance: Acceptance): string[] =>
    acceptance.kind === 'accepted' ? acceptance.newRuns.map(({ run }) => run) : expect.fail(acceptance.reasons);

  it('makes a folder a run, numbered over the workspace, and phase.json', async () => {
    await accept(`phase: 33b\n${settings}`);
    const context = acceptInto(workspace);
    const acceptance = await accept(`phase: 43a\nseeds: [0, 7]\nvariants: { q4: {} }\n${settings}`, context);
    const names = ['43a-s0', '43a-s0-q4', '43a-s7', '43a-s7-q4'];
    expect(newRuns(acceptance)).to.deep.equal(names);
    expect(context.runs).to.deep.equal(names);
    expect(await Promise.all(names.map(async (name) => (await runOf('43a', name)).number))).to.deep.equal([2, 3, 4, 5]);
    expect((await readJournal(folder('43a', '43a-s0'))).map(({ event }) => event)).to.deep.equal(['accepted']);
    const record = await recordOf('43a');
    expect(record.runs).to.deep.equal(names);
    expect(record.criteria_sha256).to.match(/^[0-9a-f]{64}$/);
  });

  it('knows the same content again, whatever its key order and formatting, and says how far it is', async () => {
    await accept(`phase: 43a\nseeds: [0, 1]\n${settings}`);
    const journal = await openJournal(folder('43a', '43a-s0'));
    for (const event of ['started', 'row'] as const) await journal.append({ event, at: new Date().toISOString() });
    await journal.close();
    const context = acceptInto(workspace);
    const again = await accept(`{"notes": "as 33b", "seeds": 2, "train": {"iters": 8e2}, "phase": "43a"}`, context);
    expect(newRuns(again)).to.deep.equal([]);
    expect(context.runs).to.deep.equal([]);
    expect(again).to.include({ summary: 'phase 43a, no new run. Already known: 43a-s0 (done), 43a-s1 (waiting)' });
  });

  it('adds seeds and variants to a known phase: only the new runs', async () => {
    await accept(`phase: 43a\n${settings}`);
    expect(newRuns(await accept(`phase: 43a\nseeds: [1, 0, 0]\n${settings}`))).to.deep.equal(['43a-s1', '43a-s0.2']);
    const variant = await accept(`phase: 43a\nseeds: [0, 0, 1]\nvariants: { q4: {} }\n${settings}`);
    expect(newRuns(variant)).to.deep.equal(['43a-s0-q4', '43a-s0.2-q4', '43a-s1-q4']);
    const record = await recordOf('43a');
    expect(record.runs).to.have.length(6);
    expect((await runOf('43a', '43a-s1-q4')).number).to.equal(6);
    expect(record.config.seeds).to.deep.equal([0, 0, 1]);
  });

  it('knows a file of an earlier acceptance again, though the phase has more by now; not a part of one', async () => {
    const next = (file: string, text: string): Promise<Acceptance> =>
      acceptConfig({ name: file, acceptedAs: file, bytes: Buffer.from(text) }, acceptInto(workspace));
    await next('a.yaml', `phase: 43a\nseeds: [0, 1]\n${settings}`);
    await next('a.2.yaml', `phase: 43a\nseeds: [0, 1, 0, 1]\n${settings}`);
    await next('a.3.yaml', `phase: 43a\nseeds: [0, 1, 0, 1]\nvariants: { q4: {} }\n${settings}`);
    for (const text of ['seeds: 2', 'seeds: [0, 0, 1, 1]'])
      expect(newRuns(await next('b.yaml', `phase: 43a\n${text}\n${settings}`))).to.deep.equal([]);
    expect((await recordOf('43a')).config.seeds).to.deep.equal([0, 1, 0, 1]);
    for (const text of ['seeds: 1', 'seeds: [0, 1, 0]'])
      expect(reasonsOf(await next('b.yaml', `phase: 43a\n${text}\n${settings}`))).to.contain('removed');
  });

  const refused: Record<string, [string, string[]]> = {
    'a changed setting': ['train: { iters: 900 }\nnotes: as 33b\n', ['train.iters: 800 -> 900']],
    'a changed note': ['train: { iters: 800 }\nnotes: else\n', ['notes: "as 33b" -> "else"']],
    'a setting more and one less': [
      'train: { batch_size: 2 }\nnotes: as 33b\n',
      ['train.iters: 800 -> (absent)', 'train.batch_size: (absent) -> 2'],
    ],
    'a small number': ['train: { iters: 800, learning_rate: 2e-5 }\n', ['train.learning_rate: (absent) -> 2e-5']],
  };
  for (const [what, [text, lines]] of Object.entries(refused)) {
    it(`refuses ${what} under a used name, line by line`, async () => {
      await accept(`phase: 43a\n${settings}`);
      await mkdir(folder('43a', '43a-s0', '1-train'));
      const context = acceptInto(workspace);
      const reasons = reasonsOf(await accept(`phase: 43a\nseeds: [0, 1]\n${text}`, context));
      for (const line of lines) expect(reasons).to.contain(`  ${line}\n`);
      expect(reasons).to.contain('new phase name');
      expect(context.runs).to.deep.equal([]);
      expect(await readdir(folder('43a'))).to.have.members(['43a-s0', 'phase.json']);
    });
  }

  it('refuses seeds and variants that are taken away or changed, and other criteria', async () => {
    const criteria = 'criteria: { outcomes: [{ when: a, then: b }, { then: c }] }\n';
    await accept(`phase: 43a\nseeds: [0, 1]\nvariants: { q4: { fuse: { q_bits: 4 } } }\n${criteria}`);
    await mkdir(folder('43a', '43a-s0', '1-train'));
    expect(reasonsOf(await accept(`phase: 43a\nvariants: { q4: { fuse: { q_bits: 4 } } }\n${criteria}`))).to.contain(
      'seeds: 1 removed',
    );
    const changed = `phase: 43a\nseeds: [0, 1]\nvariants: { q4: { fuse: { q_bits: 6 } } }\n${criteria}`;
    expect(reasonsOf(await accept(changed))).to.contain('variants.q4.fuse.q_bits: 4 -> 6');
    expect(reasonsOf(await accept(`phase: 43a\nseeds: [0, 1]\n${criteria}`))).to.contain('variants.q4: removed');
    const other = `phase: 43a\nseeds: 2\nvariants: { q4: { fuse: { q_bits: 4 } } }\n${criteria.replace('when: a', 'when: x')}`;
    expect(reasonsOf(await accept(other))).to.contain('criteria.outcomes[0].when: "a" -> "x"');
  });

  it('takes names that differ only in case for one name', async () => {
    await accept(`phase: 43a\n${settings}`);
    expect(reasonsOf(await accept(`phase: 43A\n${settings}`))).to.contain('phase: "43a" -> "43A"');
    await rm(folder('43a', 'phase.json'));
    expect(reasonsOf(await accept(`phase: 43A\n${settings}`))).to.contain('differs only in case');
  });

  it('hashes gate, outcomes and baseline as they were registered', async () => {
    await accept(`phase: a\ncriteria: { gate: overall > 1 }\n`);
    await accept(`phase: b\nnotes: n\ncriteria: { gate: overall > 1 }\n`);
    await accept(`phase: c\ncriteria: { gate: overall > 2 }\n`);
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map(async (name) => (await recordOf(name)).criteria_sha256));
    expect(a).to.equal(b);
    expect(a).not.to.equal(c);
  });

  it('refuses when something else lies where a run should be, and when phase.json is damaged', async () => {
    await writeFile(folder('43a'), 'a file');
    expect(reasonsOf(await accept(`phase: 43a\n${settings}`))).to.contain('in its place');
    await accept(`phase: b\n${settings}`);
    await writeFile(folder('b', 'phase.json'), '{"version": 1');
    expect(reasonsOf(await accept(`phase: b\n${settings}`))).to.contain('phase.json cannot be read');
  });

  it('makes a run again whose folder was removed, in a file of any earlier acceptance, and takes nothing away', async () => {
    await accept(`phase: 43a\n${settings}`);
    await accept(`phase: 43a\nseeds: [0, 1]\n${settings}`);
    await over('43a-s1');
    await rm(folder('43a', '43a-s0'), { recursive: true });
    expect(newRuns(await accept(`phase: 43a\n${settings}`))).to.deep.equal(['43a-s0']);
    expect((await recordOf('43a')).config.seeds).to.deep.equal([0, 1]);
    expect(await rowNames()).to.deep.equal(['43a-s1']);
    const again = await accept(`phase: 43a\nseeds: [0, 1]\n${settings}`);
    expect(again).to.include({ summary: 'phase 43a, no new run. Already known: 43a-s0 (waiting), 43a-s1 (done)' });
  });

  it('under the name of a removed phase begins it again: none of its rows is counted with the new ones', async () => {
    await accept(`phase: 43a\nseeds: [0, 1]\n${settings}`);
    await accept(`phase: b\n${settings}`);
    for (const run of ['43a-s0', '43a-s1', 'b-s0']) await over(run);
    await rm(folder('43a'), { recursive: true });
    const again = await accept('phase: 43a\nseeds: [1, 2]\nother: 1\n');
    expect(newRuns(again)).to.deep.equal(['43a-s1', '43a-s2']);
    expect(again).to.include({
      summary:
        'phase 43a, 1 new run (43a-s2). Run again, because its folder was removed: 43a-s1 (done, 82.4 %). ' +
        'No longer counted, because the phase was removed: 43a-s0 (done, 82.4 %). Old rows are kept in results.jsonl.old',
    });
    expect(await rowNames()).to.deep.equal(['b-s0']);
    expect((await readFile(folder('results.jsonl.old'), 'utf8')).split('\n')).to.have.length(3);
    await over('43a-s1');
    await rm(folder('43a', 'phase.json'));
    expect(newRuns(await accept('phase: 43a\nseeds: [1, 2]\nother: 1\n'))).to.have.length(2);
    expect(await rowNames(), 'of a phase that only lost its record').to.deep.equal(['b-s0', '43a-s1']);
  });

  /** The run ends, with a row. */
  async function over(run: string): Promise<void> {
    const phase = run.replace(/-s.*/, '');
    const journal = await openJournal(folder(phase, run));
    for (const event of ['started', 'row'] as const) await journal.append({ event, at: new Date().toISOString() });
    await journal.close();
    await upsertRow(workspace.artifacts, makeRow({ run, phase }), () => 0);
  }
  const rowNames = async (): Promise<string[]> => (await readRows(workspace.artifacts)).map(({ run }) => run);

  it('gives the next number after a start, also next to a damaged plan', async () => {
    await accept(`phase: a\nseeds: 3\n${settings}`);
    await writeFile(folder('a', 'a-s1', 'run.json'), 'torn');
    expect(await acceptanceNumbers(workspace.artifacts).next()).to.equal(4);
  });

  it('leaves nothing half when it dies before any of its steps, and ends the same when it is done again', async () => {
    const text = `phase: 43a\nseeds: [0, 1]\nvariants: { q4: {} }\n${settings}`;
    const names = ['43a-s0', '43a-s0-q4', '43a-s1', '43a-s1-q4'];
    for (let step = 1; ; step += 1) {
      workspace = await freshWorkspace();
      await accept(`phase: before\n${settings}`);
      for (const run of ['43a-s1', '43a-s9']) await upsertRow(workspace.artifacts, makeRow({ run }), () => 0);
      const crashed = acceptInto(workspace);
      const died = await accept(text, { ...crashed, store: dyingAt(step) }).then(
        () => false,
        () => true,
      );
      if (!died) {
        expect(step).to.be.greaterThan(20);
        break;
      }
      // In turn: a new process, and the same one after a fault of the disk.
      const next = step % 2 === 0 ? crashed : acceptInto(workspace);
      const acceptance = await accept(text, next);
      const known = acceptance.kind === 'accepted' ? acceptance.knownRuns : [];
      expect([...newRuns(acceptance), ...known], `step ${step}`).to.deep.equal(names);
      const numbers = await Promise.all(names.map(async (name) => (await runOf('43a', name)).number));
      expect(numbers, `step ${step}`).to.deep.equal([2, 3, 4, 5]);
      expect(new Set([...crashed.runs, ...next.runs]), `told, step ${step}`).to.deep.equal(new Set(names));
      expect(await readdir(folder('43a')), `step ${step}`).to.have.members([...names, 'phase.json']);
      expect((await recordOf('43a')).runs).to.deep.equal(names);
      for (const name of names) expect(await readJournal(folder('43a', name))).to.have.length(1);
      expect(await rowNames(), `rows of a removed phase, step ${step}`).to.deep.equal([]);
    }
  });

  it('refuses another config of the same name after a crash that left its first run', async () => {
    // 6 calls make the first run of two; the next dies.
    const store = dyingAt(7);
    await accept(`phase: 43a\nseeds: 2\n${settings}`, { ...acceptInto(workspace), store }).catch(() => undefined);
    expect(await readdir(folder('43a'))).to.include('43a-s0');
    const reasons = reasonsOf(await accept(`phase: 43a\ntrain: { iters: 900 }\n`));
    expect(reasons).to.contain('settings.train.iters: 800 -> 900');
  });
});
