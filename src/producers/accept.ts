import { basename, join } from 'node:path';
import { type EarlierPhase, type Lookups, type RunDraft, withEarlier } from '../core/config/lookups.ts';
import { changedLines } from '../core/config/phase-changes.ts';
import { formatProblems } from '../core/config/problem.ts';
import { type PhasePlan, readConfig } from '../core/config/read-config.ts';
import { CommandError, DamagedFile, messageOf } from '../core/errors.ts';
import { ending, heldBy, isStarted } from '../core/run/due.ts';
import { additionText, replacedTexts } from '../core/run/row-words.ts';
import type { Row } from '../events/row.ts';
import type { Run } from '../events/run.ts';
import { type Numbers, syncPhase, writePhaseRecord, writeRun } from '../io/artifacts/phase-store.ts';
import { oldRows } from '../io/artifacts/removed-runs.ts';
import { readPhaseRows } from '../io/artifacts/results-file.ts';
import { retireRows } from '../io/artifacts/results-store.ts';
import { readJournal, readRun } from '../io/artifacts/run-folder.ts';
import { hasCode } from '../io/disk/files.ts';
import { inParallel } from '../io/disk/in-parallel.ts';
import { recordOf } from './check-plan.ts';
import { earlierText, makeWay, type Replacing } from './make-way.ts';

/** A plan, or everything that is wrong, as text for people. */
export type PlanResult =
  | { readonly ok: true; readonly plan: PhasePlan }
  | { readonly ok: false; readonly reasons: string };

/** Reads one config. `file` names it in the reasons. `earlier`: configs of the same drop, which count as accepted. */
export type PlanReader = (bytes: Uint8Array, file: string, earlier?: readonly EarlierPhase[]) => Promise<PlanResult>;

/** Reads configs with these lookups. Problems are returned as text for people. */
export function planReader(lookups: Lookups): PlanReader {
  return async (bytes, file, earlier = []) => {
    const result = await readConfig(bytes, file, withEarlier(lookups, earlier));
    return result.ok ? result : { ok: false, reasons: formatProblems(file, result.problems) };
  };
}

/** A file of the inbox. `acceptedAs` is its name in inbox/accepted/ (another one if the name is taken there). */
export interface ConfigFile {
  readonly name: string;
  readonly acceptedAs: string;
  readonly bytes: Uint8Array;
}

export interface Accepted {
  readonly kind: 'accepted';
  readonly phase: string;
  readonly newRuns: readonly Run[];
  readonly knownRuns: readonly string[];
  readonly warnings: readonly string[];
  /** One line for people: what is new, what was known, and the state of the known runs. */
  readonly summary: string;
}

export type Acceptance = Accepted | { readonly kind: 'rejected'; readonly reasons: string };

export interface AcceptContext extends Replacing {
  readonly read: PlanReader;
  readonly numbers: Numbers;
  /** Called once the runs are on the disk (again after a crash or a disk error, so it may know them already). */
  readonly onAccepted: (accepted: Accepted, file: ConfigFile) => void;
}

/** Turns a config into run folders, or says why not. Can be repeated after a crash. Throws errors of the disk. */
export async function acceptConfig(file: ConfigFile, context: AcceptContext): Promise<Acceptance> {
  try {
    const result = await context.read(file.bytes, file.name);
    return result.ok ? await acceptPlan(result.plan, file, context) : { kind: 'rejected', reasons: result.reasons };
  } catch (error) {
    // Errors of the disk or the environment are transient: the file is tried again. All others would repeat without end.
    if (error instanceof DamagedFile) return { kind: 'rejected', reasons: `${file.name}: ${error.message}\n` };
    if (error instanceof CommandError || (error instanceof Error && 'code' in error)) throw error;
    const message = messageOf(error);
    return { kind: 'rejected', reasons: `${file.name}: phasebox itself failed on this file: ${message}\n` };
  }
}

async function acceptPlan(plan: PhasePlan, file: ConfigFile, context: AcceptContext): Promise<Acceptance> {
  const { folder, record, checked } = await makeWay(plan, file.name, context);
  if (!checked.ok) return { kind: 'rejected', reasons: checked.reasons };
  if (basename(folder) !== plan.phase) return { kind: 'rejected', reasons: otherCase(file.name, plan.phase, folder) };
  const made = await makeRuns(checked.fresh, { file, folder, context });
  if (typeof made === 'string') return { kind: 'rejected', reasons: made };
  const { phase } = plan;
  // Before anything reads the runs: once they have started, a row would count as theirs.
  const replaced = await retireOld(context.artifacts, { phase, made, isNew: record === null });
  const warnings = [...plan.warnings, ...replaced.warnings];
  const earlier = record === null ? await earlierText(context.artifacts, plan) : [];
  const summary = await summaryOf(phase, made, { known: checked.known, folder, replaced: replaced.rows, earlier });
  const accepted: Accepted = { kind: 'accepted', phase, newRuns: made, knownRuns: checked.known, warnings, summary };
  // Published before phase.json is written: the runs are complete, and doing this again would find them.
  context.onAccepted(accepted, file);
  if (made.length > 0 || record === null) await writePhaseRecord(folder, recordOf(plan, record, file), context.store);
  return accepted;
}

interface Target {
  readonly file: ConfigFile;
  readonly folder: string;
  readonly context: AcceptContext;
}

async function makeRuns(drafts: readonly RunDraft[], target: Target): Promise<Run[] | string> {
  const made: Run[] = [];
  try {
    for (const draft of drafts) {
      const existing = await readRun(join(target.folder, draft.run));
      const differing = existing === null ? [] : draftChanges(existing, draft);
      if (differing.length > 0) return leftOver(target.file.name, draft, differing);
      made.push(existing ?? (await makeRun(draft, target)));
    }
    if (made.length > 0) await syncPhase(target.folder, target.context.store);
  } catch (error) {
    target.context.numbers.forget();
    if (hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR'))
      return `${target.file.name}: something that is not a run is in its place: ${String(error)}. Move it elsewhere.\n`;
    throw error;
  }
  return made;
}

async function makeRun(draft: RunDraft, { file, folder, context }: Target): Promise<Run> {
  const number = await context.numbers.next();
  const run: Run = { version: 1, ...draft, number, accepted: new Date().toISOString(), file: file.acceptedAs };
  await writeRun(folder, run, context.store);
  return run;
}

/** What differs in a run that a crash left without its phase.json. Its model may have been found since. */
function draftChanges(existing: Run, draft: RunDraft): string[] {
  const plan = (run: RunDraft): unknown => ({
    ...run,
    version: undefined,
    number: undefined,
    accepted: undefined,
    file: undefined,
    // mlx_lm may have been updated since then.
    train_defaults: undefined,
    model: run.model && { source: run.model.source, download: run.model.download },
  });
  return changedLines(plan(existing), plan(draft));
}

interface NewRuns {
  readonly phase: string;
  readonly made: readonly Run[];
  /** Nothing was accepted under this name, or its folder was removed: then rows of its other runs are old as well. */
  readonly isNew: boolean;
}

/** Moves away the rows that were written under the names of these runs before their folders were removed. */
async function retireOld(artifacts: string, { phase, made, isNew }: NewRuns) {
  const names = new Set(made.map(({ run }) => run));
  const own = (await readPhaseRows(artifacts, phase)).filter(({ run }) => isNew || names.has(run));
  const rows = await oldRows(artifacts, own);
  return { rows, warnings: await retireRows(artifacts, rows) };
}

interface Before {
  readonly known: readonly string[];
  readonly folder: string;
  readonly replaced: readonly Row[];
  /** About the phase that had this name. Empty if there was none. */
  readonly earlier: readonly string[];
}

async function summaryOf(
  phase: string,
  made: readonly Run[],
  { known, folder, replaced, earlier }: Before,
): Promise<string> {
  const again = earlier.length > 0 ? [] : replaced.filter((row) => made.some(({ run }) => run === row.run));
  const fresh = made.filter(({ run }) => !again.some((row) => row.run === run));
  const states = await inParallel(
    known,
    async (run) => `${run} (${(await stateOf(join(folder, run))) ?? 'its folder was removed'})`,
  );
  const removed = earlier.length > 0 ? [] : replaced.filter((row) => !again.includes(row));
  const kept = replaced.length > 0 ? ['Old rows are kept in results.jsonl.old'] : [];
  return additionText(phase, {
    fresh: fresh.map(({ run }) => run),
    replaced: [...earlier, ...replacedTexts(again, removed), ...kept],
    known: states,
  });
}

/** The state of a known run in one word, from its journal. Null if its folder does not exist. */
export async function stateOf(folder: string): Promise<string | null> {
  if ((await readRun(folder)) === null) return null;
  const journal = await readJournal(folder);
  const end = ending(journal)?.event;
  if (end !== undefined) return end === 'cancelled' ? 'cancelled' : 'failed';
  if (journal.findLast(({ event }) => event === 'row' || event === 'retried')?.event === 'row') return 'done';
  if (heldBy(journal) !== null) return 'held';
  return isStarted(journal) ? 'running' : 'waiting';
}

function otherCase(file: string, phase: string, folder: string): string {
  return `${file}: phase: ${phase} differs only in case from ${basename(folder)}, which exists. They are one name: use another.\n`;
}

function leftOver(file: string, draft: RunDraft, changes: readonly string[]): string {
  return [
    `${file}: the run ${draft.run} exists, accepted with other settings:`,
    ...changes.map((line) => `  ${line}`),
    'Give a new phase name (`phase: ...`).',
    '',
  ].join('\n');
}
