import { DamagedFile } from '../core/errors.ts';
import { due } from '../core/run/due.ts';
import { makeRow, type RowInput } from '../core/run/row.ts';
import { rowLine } from '../core/run/row-line.ts';
import { resultsEvent } from '../events/events.ts';
import type { Manifest } from '../events/manifest.ts';
import type { Row } from '../events/row.ts';
import { type StageName, stageNames } from '../events/stages.ts';
import type { Delivery } from '../io/broker/consumer.ts';
import { acceptanceWarnings } from '../io/workspace/phase-store.ts';
import { readPhaseRows } from '../io/workspace/results-file.ts';
import { clearResults, upsertRow, writtenRuns } from '../io/workspace/results-store.ts';
import type { Shelved } from '../io/workspace/shelf.ts';
import { tidyModels } from './keep-models.ts';
import { emitDue } from './run-stage.ts';
import type { Admission } from './runs.ts';
import { now, type Place, type Runtime } from './runtime.ts';

/** The end of a run: its row, the pages, the notification; then the gate may open for the next one. */
export async function writeRow(runtime: Runtime, admission: Admission, delivery: Delivery): Promise<string> {
  const event = resultsEvent.parse(delivery.data);
  const shelved = runtime.shelf.get(event.run);
  if (shelved === undefined) return 'no such run on the disk';
  // Whoever has it in hand is about to end it, and writes the row.
  if (runtime.inHand.has(event.run)) return 'in hand already';
  const row = await endRun(runtime, admission, shelved);
  if (row !== null) return rowLine(row);
  const next = await emitDue(runtime, shelved);
  return next === null ? 'the run has its row' : `due is ${next.event.stage}`;
}

/** The same without a job, for a broker that takes none. Null: the run is not over, or has its row. */
export async function endRun(runtime: Runtime, admission: Admission, shelved: Shelved): Promise<Row | null> {
  const row = await recordRow(runtime, shelved);
  if (row === null) return null;
  await admission.openAfter(shelved.run.cooldown_s);
  tellRow(runtime, shelved, row);
  return row;
}

/** Writes the row of a run that is over and has none; null: it is not, or has one. */
export function recordRow(place: Place, shelved: Shelved): Promise<Row | null> {
  const { shelf, workspace, log } = place;
  const { run } = shelved.run;
  return place.turn(run, async () => {
    const state = await shelf.state(shelved);
    if (due(state, place.rows.has(run))?.event.stage !== 'results') return null;
    const found = await manifestsOf(place, shelved);
    const accepted = await acceptanceWarnings(workspace.artifacts, shelved.run.phase).catch((error: unknown) => {
      // A record that cannot be read must not cost the row.
      log.warn(`phase.json of ${shelved.run.phase} cannot be read: ${String(error)}`);
      return [];
    });
    const { baseline } = shelved.run;
    reportMoved(place, await clearResults(workspace.artifacts));
    const rows = typeof baseline === 'string' ? await readPhaseRows(workspace.artifacts, baseline) : [];
    const row = makeRow({ state, ...found, rows, ended: now(), accepted });
    const order = (name: string): number => shelf.get(name)?.run.number ?? Number.NaN;
    await writeOwnRow(place, row, order);
    await shelf.append(shelved, { event: 'row', at: now() });
    await tidyModels(place, run);
    return row;
  });
}

/**
 * A row that somebody took out of results.jsonl while we live is due again: it is made from its run's folder. Only then is
 * the file read, and the set of rows compared with it.
 */
async function writeOwnRow(place: Place, row: Row, order: (run: string) => number): Promise<void> {
  // Of before the writing: a row that is written meanwhile is not missing.
  const before = [...place.rows];
  reportMoved(place, await upsertRow(place.workspace.artifacts, row, order));
  const there = writtenRuns(place.workspace.artifacts);
  for (const run of before) if (there?.has(run) === false) place.rows.delete(run);
  place.rows.add(row.run);
}

/** Says what of results.jsonl could not be read and was moved aside. */
export function reportMoved({ log, notice }: Pick<Place, 'log' | 'notice'>, texts: readonly string[]): void {
  for (const text of texts) {
    log.warn(text);
    notice({ kind: 'store', text, failed: false });
  }
}

/** Whoever waits for a row hears of it: terminal, log, pages, the user's own command. */
export function tellRow(place: Place, shelved: Shelved, row: Row): void {
  place.notice({ kind: 'row', shelved, status: row.status, line: rowLine(row) });
  place.log.info({ run: row.run, status: row.status, overall: row.overall, verdict: row.verdict }, 'row');
  place.pages.changed(row.phase);
  place.bell.ring(row);
}

/** A manifest that cannot be read must not cost the row. */
async function manifestsOf({ shelf }: Place, shelved: Shelved): Promise<Pick<RowInput, 'manifests' | 'unreadable'>> {
  const manifests: Partial<Record<StageName, Manifest>> = {};
  const unreadable: Partial<Record<StageName, string>> = {};
  for (const stage of stageNames) {
    try {
      const committed = await shelf.committed(shelved, stage);
      if (committed !== null) manifests[stage] = committed.manifest;
    } catch (error) {
      if (!(error instanceof DamagedFile)) throw error;
      unreadable[stage] = error.message;
    }
  }
  return { manifests, unreadable };
}
