import type { RehearsalResult } from '../../events/rehearsal.ts';
import type { Control } from '../../events/request.ts';
import type { RowHead } from '../../events/row.ts';
import type { JournalLine } from '../../events/run.ts';
import { pauseOf, pauseOfStage, pauseText } from './control.ts';
import { diskWait, due, ending, heldBy, isStarted, type RunState, rehearsedIn } from './due.ts';
import type { EvalPart } from './eval-progress.ts';
import { branchOf } from './lineage.ts';
import { heldText } from './rehearsal-words.ts';

/**
 * `held`: the rehearsal found that the run would fail, so it does not start. `damaged`: a file of the run cannot be read.
 * `why` says why, and what to do.
 */
export type RunPhase = 'waiting' | 'held' | 'running' | 'retrying' | 'paused' | 'damaged' | RowHead['status'];

/** One run as in `status --json`. Unknown values are null. */
export interface RunStatus {
  readonly run: string;
  readonly phase: string;
  readonly state: RunPhase;
  readonly stage: string | null;
  readonly attempt: number | null;
  readonly iteration: number | null;
  readonly of: number | null;
  /** What an eval counts now: `iteration` is a number of answers, or for `cost` percent. Absent for other stages. */
  readonly doing?: EvalPart;
  readonly loss: number | null;
  /** The scores (percent) and the gate of a finished run. Null before that, and where it has none. */
  readonly overall: number | null;
  readonly strict: number | null;
  readonly verdict: RowHead['verdict'];
  readonly eta_s: number | null;
  /** ISO 8601: the next attempt does not start before. */
  readonly not_before: string | null;
  readonly why: string | null;
  /** Of a run that has not started: what its rehearsal found. `error` has the cause of a held run, and its remedy. */
  readonly rehearsed?: RehearsalResult;
}

const unknown = {
  stage: null,
  attempt: null,
  iteration: null,
  of: null,
  loss: null,
  overall: null,
  strict: null,
  verdict: null,
  eta_s: null,
  not_before: null,
  why: null,
};

/** A run with an unreadable file. */
export const damagedStatus = (run: string, phase: string, why: string): RunStatus => ({
  ...{ ...unknown, run, phase, state: 'damaged', why },
});

/** The status of a run that has its row. */
export function finishedStatus({ run, phase, status, error, ...scores }: RowHead): RunStatus {
  const { overall, strict, verdict } = scores;
  const { stage = null, attempt = null, message: why = null } = error ?? {};
  return { ...unknown, run, phase, state: status, stage, attempt, overall, strict, verdict, why };
}

/** The status of a run without a row, from its folder. `now`: ms since the epoch. */
export function runStatus(state: RunState, { now, control }: { now: number; control: Control }): RunStatus {
  const own = { ...unknown, run: state.run.run, phase: state.run.phase };
  const end = ending(state.journal);
  if (end?.event === 'cancelled') return { ...own, state: 'cancelled' };
  if (end !== undefined) return { ...own, state: 'failed', why: end.message };
  const pause = pauseOf(control, state.run);
  if (!isStarted(state.journal)) {
    const rehearsed = rehearsedIn(state.journal);
    const fresh = rehearsed === null ? own : { ...own, rehearsed };
    const held = heldBy(state.journal);
    if (held !== null) return { ...fresh, state: 'held', why: heldText(held) };
    if (pause !== null) return { ...fresh, state: 'paused', why: pauseText(pause) };
    return { ...fresh, state: 'waiting', why: waitsFor(state) };
  }
  const next = due(state, false);
  if (next === null || next.event.stage === 'results') return { ...own, state: 'running', stage: 'results' };
  const { stage, attempt } = next.event;
  if (pauseOfStage(control, state, next.event) !== null && pause !== null)
    return { ...own, state: 'paused', stage, attempt, why: `${stage} waits: ${pauseText(pause)}` };
  const disk = diskWait(state.journal, next.event);
  if (disk !== null) return { ...own, state: 'retrying', stage, attempt, why: disk };
  const later = next.notBefore !== null && next.notBefore > now;
  return {
    ...own,
    state: later ? 'retrying' : 'running',
    stage,
    attempt,
    not_before: later ? new Date(next.notBefore ?? now).toISOString() : null,
    why:
      pause !== null ? `finishes ${stage} first: ${pauseText(pause)}` : attempt > 1 ? lastFailure(state.journal) : null,
  };
}

function waitsFor({ run }: RunState): string | null {
  const branch = branchOf(run);
  return branch === null ? null : `starts after ${branch.after} of ${branch.run}`;
}

function lastFailure(journal: readonly JournalLine[]): string | null {
  const last = journal.findLast((line) => line.event === 'failed');
  return last?.event === 'failed' ? last.message : null;
}
