import { due } from '../../core/run/due.ts';
import { rowNotification } from '../../core/run/notification.ts';
import { makeRow } from '../../core/run/row.ts';
import { rowLine } from '../../core/run/row-words.ts';
import { resultsEvent } from '../../events/events.ts';
import type { Row } from '../../events/row.ts';
import type { StageName } from '../../events/stages.ts';
import { acceptanceWarnings } from '../../io/artifacts/phase-store.ts';
import { readPhaseRows } from '../../io/artifacts/results-file.ts';
import { clearResults, upsertRow, writtenRuns } from '../../io/artifacts/results-store.ts';
import { manifestsOf, type StoredRun } from '../../io/artifacts/run-store.ts';
import type { Delivery } from '../../io/broker/consumer.ts';
import { emitDue } from '../attempt/run-stage.ts';
import { tidyModels } from '../models/keep-models.ts';
import { now, type Owner, type Runtime } from '../runtime/runtime.ts';
import type { Admission } from './admission.ts';

/** The end of a run: its row, the pages, the notification. Then the next run may start. */
export async function writeRow(runtime: Runtime, admission: Admission, delivery: Delivery): Promise<string> {
  const event = resultsEvent.parse(delivery.data);
  const stored = runtime.runStore.get(event.run);
  if (stored === undefined) return 'no such run on the disk';
  // The code that has it busy is about to end it, and writes the row.
  if (runtime.busyRuns.has(event.run)) return 'already busy';
  const row = await endRun(runtime, admission, stored);
  if (row !== null) return rowLine(row);
  const next = await emitDue(runtime, stored);
  return next === null ? 'the run has its row' : `due is ${next.event.stage}`;
}

/** The same without a job, for a broker that accepts none. Null if the run is not finished, or has its row. */
export async function endRun(runtime: Runtime, admission: Admission, stored: StoredRun): Promise<Row | null> {
  const row = await recordRow(runtime, stored);
  if (row === null) return null;
  await admission.openAfter(stored.run.cooldown_s);
  tellRow(runtime, stored, row);
  return row;
}

/** Writes the row of a finished run without one. Null if it is not finished, or has one. */
export function recordRow(owner: Owner, stored: StoredRun): Promise<Row | null> {
  const { runStore, workspace, log } = owner;
  const { run } = stored.run;
  return owner.turn(run, async () => {
    const state = await runStore.state(stored);
    if (due(state, owner.rows.has(run))?.event.stage !== 'results') return null;
    const unreadable: Partial<Record<StageName, string>> = {};
    // An unreadable manifest must not prevent the row.
    const manifests = await manifestsOf(runStore, stored, (stage, { message }) => {
      unreadable[stage] = message;
    });
    const accepted = await acceptanceWarnings(workspace.artifacts, stored.run.phase).catch((error: unknown) => {
      // An unreadable record must not prevent the row.
      log.warn(`phase.json of ${stored.run.phase} cannot be read: ${String(error)}`);
      return [];
    });
    const { baseline } = stored.run;
    reportMoved(owner, await clearResults(workspace.artifacts));
    const rows = typeof baseline === 'string' ? await readPhaseRows(workspace.artifacts, baseline) : [];
    const { outside } = runStore.lineage(stored);
    const row = makeRow({ state, manifests, unreadable, outside, rows, ended: now(), accepted });
    const order = (name: string): number => runStore.get(name)?.run.number ?? Number.NaN;
    await writeOwnRow(owner, row, order);
    await runStore.append(stored, { event: 'row', at: now() });
    await tidyModels(owner, run);
    return row;
  });
}

/** Writes the row, and notices rows that were removed from results.jsonl meanwhile: they are due again. */
async function writeOwnRow(owner: Owner, row: Row, order: (run: string) => number): Promise<void> {
  // From before the writing: a row that is written meanwhile is not missing.
  const before = [...owner.rows.keys()];
  reportMoved(owner, await upsertRow(owner.workspace.artifacts, row, order));
  const there = writtenRuns(owner.workspace.artifacts);
  for (const run of before) if (there?.has(run) === false) owner.rows.delete(run);
  owner.rows.set(row.run, { status: row.status, seconds: row.seconds });
}

/** Reports what of results.jsonl could not be read and was moved. */
export function reportMoved({ log, notice }: Pick<Owner, 'log' | 'notice'>, texts: readonly string[]): void {
  for (const text of texts) {
    log.warn(text);
    notice({ kind: 'store', text, failed: false });
  }
}

/** Reports a row everywhere: terminal, log, pages, the user's own command. */
export function tellRow(owner: Owner, stored: StoredRun, row: Row): void {
  owner.notice({ kind: 'row', stored, row });
  owner.log.info({ run: row.run, status: row.status, overall: row.overall, verdict: row.verdict }, 'row');
  owner.pages.changed(row.phase);
  owner.notifier.send(rowNotification(row));
}
