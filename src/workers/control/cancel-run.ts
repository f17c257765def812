import { attemptDue, currentLines, isStarted, type RunState } from '../../core/run/due.ts';
import { standing } from '../../core/run/next-run.ts';
import type { Outcome } from '../../events/request.ts';
import type { Shelved } from '../../io/workspace/shelf.ts';
import { recordRow, tellRow } from '../results.ts';
import { now, type Place } from '../runtime.ts';
import { closeAttempt } from './close-attempt.ts';
import { takeInHand } from './in-hand.ts';

/** Ends a run for good: journaled first, then its tool is ended, its attempt's space given back, its row written. */
export async function cancelRun(place: Place, shelved: Shelved): Promise<Outcome> {
  const name = shelved.run.run;
  const worker = place.inHand.get(name);
  if (worker !== undefined) {
    if (!(await decide(place, shelved))) return { about: name, did: 'over', detail: null };
    worker.cancel.abort('cancel');
    await worker.over;
  }
  // Until its row is there no worker takes the run up, and the gate stays shut.
  const hand = takeInHand(place, { run: name, stage: 'cancel', attempt: 1 });
  try {
    return await end(place, shelved);
  } finally {
    hand.leave();
  }
}

async function end(place: Place, shelved: Shelved): Promise<Outcome> {
  const about = shelved.run.run;
  if (!(await decide(place, shelved))) return { about, did: 'over', detail: null };
  const state = await place.shelf.state(shelved);
  const open = attemptDue(state) !== null;
  // Its tool may go on from an earlier life of phasebox.
  const isOpen = open && isStarted(state.journal) && !isClosed(state);
  const held = isOpen ? await closeAttempt(place, shelved, 'CANCELLED') : [];
  const row = await recordRow(place, shelved);
  if (row !== null) tellRow(place, shelved, row);
  if (held.length > 0) return { about, did: 'held', detail: held.join(', ') };
  // The last stage was committed while the run was to be cancelled: what is done stays done.
  return { about, did: open ? 'cancelled' : 'over', detail: null };
}

/** False: the run was over before. A cancel that a crash cut short is decided already. */
function decide({ shelf, rows, turn }: Place, shelved: Shelved): Promise<boolean> {
  const name = shelved.run.run;
  return turn(name, async () => {
    const journal = await shelf.journal(shelved);
    const stand = standing(journal, rows.has(name));
    if (stand === 'over') return false;
    if (stand === 'ended') return currentLines(journal).some((line) => line.event === 'cancelled');
    await shelf.append(shelved, { event: 'cancelled', at: now() });
    return true;
  });
}

const isClosed = ({ journal }: RunState): boolean =>
  currentLines(journal).some((line) => line.event === 'failed' && line.code === 'CANCELLED');
