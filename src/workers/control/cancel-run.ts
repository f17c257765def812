import { attemptDue, currentLines, isStarted, type RunState, standing } from '../../core/run/due.ts';
import type { Outcome } from '../../events/request.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import { closeAttempt } from '../attempt/failure.ts';
import { recordRow, tellRow } from '../queue/results.ts';
import { markBusy, now, type Owner } from '../runtime/runtime.ts';

/** Ends a run for good: first journaled, then its tool is stopped, its attempt's space freed, and its row written. */
export async function cancelRun(owner: Owner, stored: StoredRun): Promise<Outcome> {
  const name = stored.run.run;
  const worker = owner.busyRuns.get(name);
  if (worker !== undefined) {
    if (!(await decide(owner, stored))) return { about: name, did: 'over', detail: null };
    worker.cancel.abort('cancel');
    await worker.over;
  }
  // Until it has its row, no worker may resume the run, and no other run may start.
  const hand = markBusy(owner, { run: name, stage: 'cancel', attempt: 1 });
  try {
    return await end(owner, stored);
  } finally {
    hand.leave();
  }
}

async function end(owner: Owner, stored: StoredRun): Promise<Outcome> {
  const about = stored.run.run;
  if (!(await decide(owner, stored))) return { about, did: 'over', detail: null };
  const state = await owner.runStore.state(stored);
  const open = attemptDue(state) !== null;
  // A tool from an earlier process of phasebox may still run.
  const isOpen = open && isStarted(state.journal) && !isClosed(state);
  const unverified = isOpen ? await closeAttempt(owner, stored, 'CANCELLED') : [];
  const row = await recordRow(owner, stored);
  if (row !== null) tellRow(owner, stored, row);
  if (unverified.length > 0) return { about, did: 'held', detail: unverified.join(', ') };
  // The last stage was committed while the run was being cancelled: a finished run stays finished.
  return { about, did: open ? 'cancelled' : 'over', detail: null };
}

/** False if the run had already finished. A cancel that a crash interrupted is already decided. */
function decide({ runStore, rows, turn }: Owner, stored: StoredRun): Promise<boolean> {
  const name = stored.run.run;
  return turn(name, async () => {
    const journal = await runStore.journal(stored);
    const stand = standing(journal, rows.has(name));
    if (stand === 'over') return false;
    if (stand === 'ended') return currentLines(journal).some((line) => line.event === 'cancelled');
    await runStore.append(stored, { event: 'cancelled', at: now() });
    return true;
  });
}

const isClosed = ({ journal }: RunState): boolean =>
  currentLines(journal).some((line) => line.event === 'failed' && line.code === 'CANCELLED');
