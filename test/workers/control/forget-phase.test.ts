import { appendFile, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { openOwner } from '../../../src/commands/parts/open-runtime.ts';
import { showRuns } from '../../../src/commands/parts/status-runs.ts';
import { atRest, outcomeText } from '../../../src/core/run/control.ts';
import type { ControlRequest, Outcome } from '../../../src/events/request.ts';
import type { JournalLine, Run } from '../../../src/events/run.ts';
import { readPhaseRows, readRows } from '../../../src/io/artifacts/results-file.ts';
import { upsertRow } from '../../../src/io/artifacts/results-store.ts';
import { writePages } from '../../../src/io/page/pages.ts';
import type { Workspace } from '../../../src/io/workspace/workspace.ts';
import { handleRequest } from '../../../src/workers/control/requests.ts';
import { at, makeRow, makeRun } from '../../helpers/rows.ts';
import { makeWorkspace, shelveRun } from '../../helpers/stored.ts';

describe('workers/forget', () => {
  let workspace: Workspace;
  const artifacts = (...names: string[]): string => join(workspace.artifacts, ...names);
  const runs = async (): Promise<string[]> => (await readRows(workspace.artifacts)).map(({ run }) => run);
  const shown = async () => {
    const { shown: all, oldRows } = await showRuns(workspace, { control: atRest, up: false, damage: [] });
    return [...all.map(({ status }) => `${status.run} ${status.state}`), ...oldRows];
  };

  /** A run that has its row, or (`open`) waits. */
  async function add(run: string, over: Partial<Run> & { readonly open?: true } = {}): Promise<void> {
    const { open, ...plan } = over;
    const phase = run.replace(/-s.*/, '');
    const number = (await readdir(workspace.artifacts)).length + 1;
    const folder = await shelveRun(workspace, makeRun({ run, phase, number, ...plan }));
    const events: JournalLine['event'][] = open ? ['accepted'] : ['accepted', 'started', 'row'];
    const lines = events.map((event) =>
      JSON.stringify({ event, at: at(0), ...(event === 'accepted' && { file: 'f' }) }),
    );
    await writeFile(join(folder, 'journal.jsonl'), `${lines.join('\n')}\n`);
    if (!open) await upsertRow(workspace.artifacts, makeRow({ run, phase }), () => number);
  }

  /** As a command does without `up`: owns the workspace for one request. */
  async function ask(request: ControlRequest): Promise<readonly Outcome[]> {
    const owner = await openOwner({ workspace, log: pino({ enabled: false }), notice: () => undefined });
    const outcomes = await handleRequest({ ...owner, pages: { ...owner.pages, changed } }, request, null);
    await owner.runStore.close();
    return outcomes;
  }
  let due: string[] = [];
  const changed = (phase: string): void => void due.push(phase);
  const forget = async (target: string, undo = false): Promise<string> =>
    (await ask({ kind: 'forget', target, undo })).map(outcomeText).join('\n');
  const page = async (): Promise<string> => (await writePages(workspace, new Set(due))).rendered;

  beforeEach(async () => {
    workspace = await makeWorkspace();
    due = [];
    await add('43a-s0');
    await add('43a-s1');
    await add('43b-s0');
  });

  it('takes a phase off status, rows and pages, and brings it back as it was', async () => {
    const before = { results: await readFile(artifacts('results.jsonl'), 'utf8'), shown: await shown() };
    expect(await forget('43A')).to.equal(
      '43a: taken off the report. Its files are kept in artifacts/.forgotten/43a/1. `phasebox forget 43a --undo` brings it back.',
    );
    expect(await shown()).to.eql(['43b-s0 done']);
    expect(await runs()).to.eql(['43b-s0']);
    expect(await readPhaseRows(workspace.artifacts, '43a')).to.eql([]);
    expect(due).to.eql(['43a']);
    expect(await page())
      .to.contain('43b')
      .and.not.contain('43a');
    expect(await readFile(artifacts('results.jsonl'), 'utf8'), 'nothing is deleted').to.equal(before.results);
    expect(await forget('43a'), 'again').to.contain('43a: taken off the report. Its files are kept in');
    expect(await forget('43a', true)).to.equal('43a: restored');
    expect(await shown()).to.eql(before.shown);
    expect(await runs()).to.eql(['43a-s0', '43a-s1', '43b-s0']);
    expect(await page()).to.contain('43a');
    expect(await readdir(artifacts('.forgotten'))).to.eql([]);
    expect(await forget('43a', true)).to.equal('43a: there is no forgotten phase of this name');
  });

  it('keeps the rows of a forgotten phase when others are written, in their order', async () => {
    await forget('43a');
    await add('43c-s0');
    await upsertRow(workspace.artifacts, makeRow({ run: '43b-s0', phase: '43b', overall: 1 }), () => 3);
    await forget('43a', true);
    expect((await runs()).sort()).to.eql(['43a-s0', '43a-s1', '43b-s0', '43c-s0']);
  });

  it('refuses a phase that is not finished or that another run reads from, and a run', async () => {
    await add('43a-s2', { open: true });
    expect(await forget('43a')).to.match(
      /^43a: not forgotten, since it is not finished: 43a-s2\. `phasebox cancel 43a`/,
    );
    await add('43c-s0', { from: { run: '43b-s0', after: 'train' } });
    expect(await forget('43b')).to.equal('43b: not forgotten, since it is read by 43c-s0. Forget that phase first.');
    expect(await forget('43b-s0')).to.equal('43b-s0: is a run. Only its whole phase 43b can be forgotten.');
    expect(await forget('none')).to.contain('There is no run or phase none');
    expect(await readdir(workspace.artifacts)).not.to.include('.forgotten');
  });

  it('brings back what starts from another phase only when that one is there', async () => {
    await add('43c-s0', { from: { run: '43b-s0', after: 'train' } });
    await forget('43c');
    await forget('43b');
    expect(await forget('43c', true)).to.contain('it starts from 43b, which is forgotten too');
    await forget('43b', true);
    expect(await forget('43c', true)).to.equal('43c: restored');
  });

  it('may use the name again: the old phase stays away until the new one is forgotten too', async () => {
    await forget('43a');
    await add('43a-s0', { accepted: at(9) });
    expect(await forget('43a', true)).to.contain(
      'another phase has this name now. It stays in artifacts/.forgotten/43a/1',
    );
    expect(await forget('43a')).to.contain('artifacts/.forgotten/43a/2');
    expect(await forget('43a', true)).to.equal('43a: restored');
    expect(await readdir(artifacts('.forgotten/43a'))).to.eql(['1']);
    expect(JSON.parse(await readFile(artifacts('43a/43a-s0/run.json'), 'utf8')).accepted).to.equal(at(9));
  });

  it('ends pauses and priorities of the phase, and counts no admission twice', async () => {
    await ask({ kind: 'pause', target: '43a' });
    await forget('43a');
    const control = JSON.parse(await readFile(join(workspace.state, 'control.json'), 'utf8'));
    expect([control.pauses, control.retried]).to.eql([[], 2]);
  });

  it('finds the old state or the new one after a kill between any two steps', async () => {
    await mkdir(artifacts('.forgotten/43a'), { recursive: true });
    expect(await shown(), 'before the rename').to.include('43a-s0 done');
    await rename(artifacts('43a'), artifacts('.forgotten/43a/1'));
    expect(await shown(), 'after it').to.eql(['43b-s0 done']);
    expect(await forget('43a'), 'the command sends its request again').to.contain('43a: taken off the report');
    expect(due, 'the pages may be left to write').to.eql(['43a']);
    await rename(artifacts('.forgotten/43a/1'), artifacts('43a'));
    expect(await shown(), 'and back').to.include('43a-s0 done');
    expect(await runs()).to.include('43a-s0');
  });

  it('leaves torn lines of results.jsonl to the next row', async () => {
    await appendFile(artifacts('results.jsonl'), '{"run": "43a-s0"');
    await forget('43a');
    expect(await runs()).to.eql(['43b-s0']);
    expect(await readFile(artifacts('results.jsonl'), 'utf8')).to.match(/"43a-s0"$/);
  });
});
