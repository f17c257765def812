import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import pino from 'pino';
import { atRest } from '../../../src/core/run/control.ts';
import { runStatus } from '../../../src/core/run/status.ts';
import type { StageEvent } from '../../../src/events/events.ts';
import type { JournalLine } from '../../../src/events/run.ts';
import { openRunStore, type RunStore, type StoredRun } from '../../../src/io/artifacts/run-store.ts';
import { openNotifier } from '../../../src/io/workspace/notifier.ts';
import { type Attempt, openNotes } from '../../../src/workers/attempt/attempt.ts';
import { reserve } from '../../../src/workers/attempt/reserve.ts';
import type { Live, Notice, Runtime } from '../../../src/workers/runtime/runtime.ts';
import { stageErrorOf } from '../../helpers/real-stage.ts';
import { at, makeRun } from '../../helpers/rows.ts';
import { makeWorkspace, shelveRun } from '../../helpers/stored.ts';
import { waitFor } from '../../helpers/temp.ts';

const event: StageEvent = { run: '43a-s0', stage: 'train', attempt: 1 };

/** A run that is started in a workspace that keeps `wanted.gb` of the disk free; what is told, and the journal's lines. */
async function started() {
  const wanted = { gb: 0 };
  const workspace = await makeWorkspace();
  const folder = await shelveRun(workspace, makeRun({ model: null }));
  await appendFile(join(folder, 'journal.jsonl'), `${JSON.stringify({ event: 'started', at: at(0) })}\n`);
  const runStore: RunStore = openRunStore(workspace.artifacts);
  await runStore.refresh();
  const stored = runStore.get('43a-s0') as StoredRun;
  const told: Notice[] = [];
  const live = { waits: null, progress: null } as Live;
  const stop = new AbortController();
  const config = Object.defineProperty({ ...workspace.config }, 'disk_reserve_gb', { get: () => wanted.gb });
  const runtime = {
    ...{ workspace: { ...workspace, config }, runStore, log: pino({ level: 'silent' }), signal: stop.signal },
    notifier: openNotifier(undefined, { cwd: workspace.root, log: pino({ level: 'silent' }) }),
    ...{ busyRuns: new Map([['43a-s0', live]]), notice: (notice: Notice) => void told.push(notice) },
  } as Partial<Runtime> as Runtime;
  const board = { log: () => undefined, progress: () => undefined };
  const notes = openNotes();
  const attempt: Attempt = { stored, event, dir: folder, board, notes };
  const journal = async (): Promise<JournalLine[]> =>
    (await readFile(join(folder, 'journal.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  const status = async () => runStatus(await runStore.state(stored), { now: 0, control: atRest });
  return { wanted, runtime, attempt, told, live, stop, journal, status, runStore };
}

const events = (lines: readonly JournalLine[]): string[] => lines.map((line) => line.event);

describe('workers/reserve', () => {
  it('waits in its place while the disk is full, reported once, and continues when there is space', async () => {
    const { wanted, runtime, attempt, told, live, journal, status, runStore } = await started();
    wanted.gb = 1e9;
    const reserved = reserve(runtime, attempt, null);
    await waitFor('the waiting', async () => (await journal()).some((line) => line.event === 'disk_wait'));
    expect(live.waits).to.match(/^waits for disk space: .* free on .*disk_reserve_gb/);
    const shown = await status();
    expect(shown).to.include({ state: 'retrying', stage: 'train', attempt: 1, not_before: null });
    expect(shown.why).to.equal(live.waits);
    let looks = 0;
    Object.defineProperty(runtime.workspace.config, 'disk_reserve_gb', { get: () => (++looks < 3 ? 1e9 : 0) });
    await reserved;
    expect(looks).to.equal(3);
    expect(events(await journal())).to.eql(['started', 'disk_wait', 'reserved']);
    expect(told.map(({ kind }) => kind)).to.eql(['waits']);
    expect(live.waits).to.equal(null);
    expect(attempt.notes.waited_ms, 'no time of the stage').to.be.greaterThan(0);
    expect(await status()).to.include({ state: 'running', why: null });
    await runStore.close();
  });

  it('ends its waiting when `up` goes down, and the next life adds no line', async () => {
    const { wanted, runtime, attempt, stop, journal, runStore } = await started();
    wanted.gb = 1e9;
    const waiting = stageErrorOf(reserve(runtime, attempt, null));
    await waitFor('the waiting', async () => (await journal()).some((line) => line.event === 'disk_wait'));
    stop.abort();
    expect((await waiting).code).to.equal('STOPPED');
    const again = new AbortController();
    const next = stageErrorOf(
      reserve({ ...runtime, signal: again.signal, notice: () => again.abort() }, attempt, null),
    );
    expect((await next).code).to.equal('STOPPED');
    expect(events(await journal())).to.eql(['started', 'disk_wait']);
    await runStore.close();
  });

  it('does not ask again for what an attempt has reserved that is resumed: its tool has written meanwhile', async () => {
    const { wanted, runtime, attempt, journal, runStore } = await started();
    await reserve(runtime, attempt, null);
    wanted.gb = 1e9;
    await reserve(runtime, attempt, null);
    expect(events(await journal())).to.eql(['started', 'reserved']);
    await runStore.close();
  });
});
