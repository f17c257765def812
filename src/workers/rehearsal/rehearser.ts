import { join } from 'node:path';
import { messageOf } from '../../core/errors.ts';
import { duration, list } from '../../core/format.ts';
import { standing } from '../../core/run/due.ts';
import { heldNotification } from '../../core/run/notification.ts';
import { failedRehearsal } from '../../core/run/rehearsal-report.ts';
import { rehearsalText } from '../../core/run/rehearsal-words.ts';
import type { RehearsalRecord, RehearsalResult } from '../../events/rehearsal.ts';
import type { JournalLine } from '../../events/run.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import { findBaseModel } from '../../io/model/models.ts';
import { readRehearsal, rehearsingFolder, writeRehearsal } from '../../io/workspace/rehearsals.ts';
import { promptDateOf } from '../attempt/serve-model.ts';
import { now, type Runtime } from '../runtime/runtime.ts';
import { openRecipes, type TrainSeconds } from './recipes.ts';
import { rehearse } from './rehearse.ts';

/** Rehearses queued runs in the background, one recipe at a time. */
export type Rehearser = ReturnType<typeof startRehearser>;

interface Hooks {
  /** Called when runs were rehearsed: others may start then. */
  readonly onChange: () => Promise<void>;
  readonly trainSeconds: TrainSeconds;
}

interface Current {
  readonly key: string;
  readonly stop: AbortController;
}

export function startRehearser(runtime: Runtime, { onChange, trainSeconds }: Hooks) {
  const { isDue, keyOf } = openRecipes(runtime, trainSeconds);
  const { runStore, signal, log, workspace } = runtime;
  let wanted: readonly StoredRun[] = [];
  let current: Current | null = null;
  let working: Promise<void> | null = null;
  const work = async (): Promise<void> => {
    for (let next = wanted[0]; next !== undefined && !signal.aborted; next = wanted[0]) {
      const key = await keyOf(next);
      if (key === null) return;
      const result = await resultOf(next, key);
      if (result !== null) await note(key, result);
      if (signal.aborted) return;
      await onChange();
    }
  };
  /** Null if no run needs it any longer. */
  const resultOf = async (stored: StoredRun, key: string): Promise<RehearsalResult | null> => {
    const known = await readRehearsal(workspace.state, key);
    if (known !== null && isUsable(known, await runStore.journal(stored))) return known.result;
    const stop = new AbortController();
    current = { key, stop };
    try {
      return await rehearseRun(runtime, stored, { key, signal: AbortSignal.any([signal, stop.signal]) });
    } catch (error) {
      if (signal.aborted || stop.signal.aborted) return null;
      log.error({ err: error, run: stored.run.run }, 'a rehearsal failed');
      return failedRehearsal(messageOf(error));
    } finally {
      current = null;
    }
  };
  /** Writes the result into the journals of all queued runs of the recipe. */
  const note = async (key: string, result: RehearsalResult): Promise<void> => {
    const same: StoredRun[] = [];
    for (const stored of wanted) if ((await keyOf(stored)) === key) same.push(stored);
    const names = new Set(same.map(({ run }) => run.run));
    wanted = wanted.filter(({ run }) => !names.has(run.run));
    for (const stored of same) await noteIn(runtime, stored, { key, result });
    await addRuns(runtime, key, names);
    for (const { run } of same) runtime.pages.changed(run.phase);
    tell(runtime, same, result);
  };
  return {
    isDue,
    /** Whether a rehearsal is running or waits for the machine. */
    isWorking: () => working !== null,
    /** Rehearses these, in this order. A running rehearsal that no run needs any longer is stopped. */
    async begin(runs: readonly StoredRun[], mayStart: boolean): Promise<void> {
      wanted = runs;
      if (current !== null && !(await inUse(current.key, wanted, keyOf))) current?.stop.abort('cancel');
      if (!mayStart || wanted.length === 0 || signal.aborted) return;
      working ??= work()
        .catch((error: unknown) => log.error({ err: error }, 'runs could not be rehearsed'))
        .finally(() => {
          working = null;
        });
    },
    async close(): Promise<void> {
      await working;
    },
  };
}

/** Writes the result into the journal of a run that still waits. */
function noteIn(
  { runStore, rows, turn }: Runtime,
  stored: StoredRun,
  found: { readonly key: string; readonly result: RehearsalResult },
): Promise<void> {
  const { run, accepted } = stored.run;
  return turn(run, async () => {
    // A corrected file may have replaced the run meanwhile.
    if (runStore.get(run)?.run.accepted !== accepted) return;
    if (standing(await runStore.journal(stored), rows.has(run)) !== 'waiting') return;
    await runStore.append(stored, { event: 'rehearsed', at: now(), ...found });
  });
}

async function inUse(
  key: string,
  runs: readonly StoredRun[],
  keyOf: (stored: StoredRun) => Promise<string | null>,
): Promise<boolean> {
  for (const stored of runs) if ((await keyOf(stored)) === key) return true;
  return false;
}

/** A result without an error is used again. With an error, a retry asks for another rehearsal. */
function isUsable({ at, result }: RehearsalRecord, journal: readonly JournalLine[]): boolean {
  const retried = journal.findLast(({ event }) => event === 'retried');
  return result.error === null || retried === undefined || at > retried.at;
}

async function rehearseRun(
  runtime: Runtime,
  stored: StoredRun,
  { key, signal }: { readonly key: string; readonly signal: AbortSignal },
): Promise<RehearsalResult> {
  const { workspace, python, runStore, log } = runtime;
  const { run } = stored;
  const base = await findBaseModel(run, await runStore.journal(stored), workspace.root);
  if (!base?.found) throw new Error(base?.message ?? 'it has no base model');
  const say = (text: string): void => runtime.notice({ kind: 'rehearsal', text: `${run.run}: ${text}` });
  const date = await promptDateOf(stored, (text) => log.warn({ run: run.run }, text));
  say('rehearsal ...');
  const { result, seconds } = await rehearse(
    { run, baseModel: base.folder, dir: join(rehearsingFolder(workspace.state), key), date },
    { workspace, python, signal, onWait: (text) => say(`rehearsal ${text}`) },
  );
  log.info({ run: run.run, key, seconds, result }, 'rehearsed');
  say(`rehearsal done in ${duration(seconds)}`);
  // A cache: where it cannot be written, the next start rehearses again.
  if (result.seconds_per_iteration !== null || result.error !== null)
    await writeRehearsal(workspace.state, { version: 1, key, at: now(), seconds, runs: [run.run], result }).catch(
      (error: unknown) => log.warn({ err: error }, 'the result of a rehearsal could not be kept'),
    );
  return result;
}

/** Adds runs to the record of their recipe, where the page finds them. */
async function addRuns({ workspace, log }: Runtime, key: string, names: ReadonlySet<string>): Promise<void> {
  const record = await readRehearsal(workspace.state, key);
  if (record === null) return;
  const runs = [...new Set([...record.runs, ...names])];
  await writeRehearsal(workspace.state, { ...record, runs }).catch((error: unknown) =>
    log.warn({ err: error, key }, 'the result of a rehearsal could not be kept'),
  );
}

function tell(runtime: Runtime, runs: readonly StoredRun[], result: RehearsalResult): void {
  if (runs.length === 0) return;
  const names = list(runs.map(({ run }) => run.run));
  const state = result.error === null ? 'rehearsed' : 'held';
  if (result.error !== null)
    runtime.notifier.send(
      heldNotification(
        runs.map(({ run }) => run.run),
        result.error,
      ),
    );
  runtime.notice({ kind: 'rehearsal', text: `${names}: ${state}: ${rehearsalText(result)}` });
  for (const text of result.warnings ?? []) runtime.notice({ kind: 'rehearsal', text: `${names}: warning: ${text}` });
}
