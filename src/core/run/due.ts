import type { DueEvent, StageEvent } from '../../events/events.ts';
import type { FoundCause, RehearsalResult } from '../../events/rehearsal.ts';
import type { JournalLine, Run } from '../../events/run.ts';
import { type StageName, stageFolder } from '../../events/stages.ts';
import type { Branch } from './lineage.ts';

/** The content of the run's folder: the plan, the stages with a manifest, the journal. */
export interface RunState {
  readonly run: Run;
  readonly committed: ReadonlySet<StageName>;
  readonly journal: readonly JournalLine[];
}

/** A due event, not before `notBefore` (ms since the epoch, or null for now). */
export interface Due {
  readonly event: DueEvent;
  readonly notBefore: number | null;
}

/** Lines since the last `retried`, which decide whether a run is started or finished. */
export function currentLines(journal: readonly JournalLine[]): readonly JournalLine[] {
  return journal.slice(journal.findLastIndex((line) => line.event === 'retried') + 1);
}

/** Started: admitted, and not returned to the queue by a retry. */
export function isStarted(journal: readonly JournalLine[]): boolean {
  return currentLines(journal).some((line) => line.event === 'started');
}

/** It has done nothing yet, so a row under its name is of an earlier run. A journal without lines proves nothing. */
export const isUntouched = (journal: readonly JournalLine[]): boolean =>
  journal.length > 0 && journal.every(({ event }) => ['accepted', 'fetched', 'rehearsed'].includes(event));

type Ending = Extract<JournalLine, { event: 'failed' | 'cancelled' | 'source_failed' }>;

/** The line that ended the run for good, if there is one. */
export function ending(journal: readonly JournalLine[]): Ending | undefined {
  return currentLines(journal).find(
    (line): line is Ending =>
      line.event === 'cancelled' ||
      line.event === 'source_failed' ||
      (line.event === 'failed' && line.retry_at === null),
  );
}

/** What the rehearsal of a run's training found. Null if there was none since the last retry. */
export function rehearsedIn(journal: readonly JournalLine[]): RehearsalResult | null {
  const line = currentLines(journal).findLast((one) => one.event === 'rehearsed');
  return line?.event === 'rehearsed' ? line.result : null;
}

/** What the latest rehearsal of a training that works measured, also before a retry. Null if there was none. */
export function measuredIn(journal: readonly JournalLine[]): RehearsalResult | null {
  const line = journal.findLast((one) => one.event === 'rehearsed');
  return line?.event === 'rehearsed' && line.result.error === null ? line.result : null;
}

/** Why a run is held: its rehearsal found that it would fail. Null if it is not, or if it has already started. */
export const heldBy = (journal: readonly JournalLine[]): FoundCause | null =>
  isStarted(journal) || ending(journal) !== undefined ? null : (rehearsedIn(journal)?.error ?? null);

/** What was doubtful after acceptance: about a model that was fetched, and in the rehearsal. */
export const laterWarnings = (journal: readonly JournalLine[]): readonly string[] => [
  ...journal.flatMap((line) => (line.event === 'fetched' ? (line.warnings ?? []) : [])),
  ...(rehearsedIn(journal)?.warnings ?? []),
];

/** 1 + the last finished attempt of a stage: it failed, or a retry came after it. A number is never used twice. */
export function nextAttempt(journal: readonly JournalLine[], stage: StageName): number {
  const retry = journal.findLastIndex((line) => line.event === 'retried');
  const used = journal.flatMap((line, index) =>
    'attempt' in line && line.stage === stage && (line.event === 'failed' || index < retry) ? [line.attempt] : [],
  );
  return Math.max(0, ...used) + 1;
}

/** The current or next attempt of a run, whatever ended it. Null if every stage is committed. */
export function attemptDue({ run, committed, journal }: RunState): Omit<StageEvent, 'run'> | null {
  const stage = run.chain.find((name) => !committed.has(name));
  return stage === undefined ? null : { stage, attempt: nextAttempt(journal, stage) };
}

/** Null if its row exists. `results` if all stages are committed or the run has ended, else the next stage's attempt. */
export function due(state: RunState, hasRow: boolean): Due | null {
  const { run, journal } = state;
  if (hasRow) return null;
  const next = attemptDue(state);
  if (next === null || ending(journal)) {
    const rows = journal.filter((line) => line.event === 'row').length;
    return { event: { run: run.run, stage: 'results', attempt: rows + 1 }, notBefore: null };
  }
  const last = currentLines(journal).findLast((line) => line.event === 'failed' && line.stage === next.stage);
  const retryAt = last?.event === 'failed' ? last.retry_at : null;
  return { event: { run: run.run, ...next }, notBefore: retryAt === null ? null : Date.parse(retryAt) };
}

/** The message of an attempt when it began to wait for disk space, or null if it does not wait. */
export function diskWait(journal: readonly JournalLine[], { stage, attempt }: Omit<StageEvent, 'run'>): string | null {
  const last = journal.findLast((line) => 'attempt' in line && line.stage === stage && line.attempt === attempt);
  return last?.event === 'disk_wait' ? last.message : null;
}

/** The state of a run between acceptance and its row. */
export type Standing = 'waiting' | 'started' | 'ended' | 'over';

/** `ended`: decided (failed for good, cancelled), but its row is not written yet. */
export function standing(journal: RunState['journal'], hasRow: boolean): Standing {
  if (hasRow) return 'over';
  if (ending(journal)) return 'ended';
  return isStarted(journal) ? 'started' : 'waiting';
}

/** Whether what a run starts from exists. `lost` means that it cannot come without a person. */
export type Readiness =
  | { readonly kind: 'ready' }
  | { readonly kind: 'not_yet' }
  | { readonly kind: 'lost'; readonly why: string };

/** The run that another one starts from, and whether the stage in question is committed. */
export interface Source {
  readonly state: RunState;
  readonly committed: boolean;
  readonly hasRow: boolean;
}

/** A source run with an unreadable file: which one, and what to do. */
export interface DamagedSource {
  readonly damage: string;
}

/** For a run that starts after a stage of another one. `source` is undefined if there is no such run. */
export function readiness(origin: Branch, source: Source | DamagedSource | undefined): Readiness {
  if (source === undefined) return { kind: 'lost', why: `there is no run ${origin.run}` };
  if ('damage' in source) return { kind: 'lost', why: `${origin.run} is damaged. ${source.damage}` };
  if (source.committed) return { kind: 'ready' };
  const end = ending(source.state.journal);
  // A done run does nothing more on its own, so deleted parts of it do not return.
  if (end === undefined && source.hasRow)
    return { kind: 'lost', why: `${stageFolder(origin.after)} of ${origin.run} was deleted after it was done` };
  if (end === undefined) return { kind: 'not_yet' };
  const how = end.event === 'cancelled' ? 'was cancelled' : 'failed';
  return { kind: 'lost', why: `${origin.run} ${how} before ${origin.after} was done` };
}

/** Codes of the failures of a stage since the last retry by a person, oldest first. */
export function failuresOf(state: RunState, stage: StageName): string[] {
  return currentLines(state.journal).flatMap((line) =>
    line.event === 'failed' && line.stage === stage ? [line.code] : [],
  );
}
