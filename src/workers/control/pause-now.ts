import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hasBegun } from '../../core/run/control.ts';
import { attemptDue, standing } from '../../core/run/due.ts';
import type { Outcome } from '../../events/request.ts';
import { attemptFolder, isStage, type StageName, stages } from '../../events/stages.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import { askToPause } from '../../io/artifacts/training-files.ts';
import { exitCode, isAlive } from '../../io/tool/tool-process.ts';
import { closeAttempt } from '../attempt/failure.ts';
import type { Owner } from '../runtime/runtime.ts';

const poll_ms = 50;

const attemptDir = ({ folder }: StoredRun, { stage, attempt }: Attempted): string =>
  join(folder, attemptFolder(stage, attempt));

interface Attempted {
  readonly stage: StageName;
  readonly attempt: number;
}

/**
 * Asks everything that works to save its state and to end on its own, also after this process. `saves` and `stops` name
 * stages: those that were asked, and those that have no state, which lose nothing but time when they are stopped.
 * `continues`: trainings that would start from scratch.
 */
export async function askAllToPause({ busyRuns, runStore }: Pick<Owner, 'busyRuns' | 'runStore'>) {
  const found = { saves: [] as string[], stops: [] as string[], continues: [] as string[] };
  for (const [run, { stage, attempt }] of busyRuns) {
    const stored = runStore.get(run);
    if (stored === undefined || !isStage(stage)) continue;
    const { pauseFile } = stages[stage];
    const dir = attemptDir(stored, { stage, attempt });
    const isAsked = await askToPause(dir, pauseFile);
    const end = isAsked ? found.saves : pauseFile !== null && (await isAlive(dir)) ? found.continues : found.stops;
    end.push(`${stage} of ${run}`);
  }
  return found;
}

/**
 * Interrupts the stage that works for a run, so that the machine is free. Its next attempt begins when the pause ends.
 * A training saves its state first and ends on its own; one that has finished is kept. Null if no stage of the run has
 * begun.
 */
export async function pauseNow(owner: Owner, stored: StoredRun): Promise<Outcome | null> {
  const about = stored.run.run;
  const state = await owner.runStore.state(stored);
  const next = attemptDue(state);
  if (next === null || standing(state.journal, owner.rows.has(about)) !== 'started') return null;
  const { stage } = next;
  const live = owner.busyRuns.get(about);
  if (live === undefined && !hasBegun(state, next)) return null;
  const dir = attemptDir(stored, next);
  const { pauseFile } = stages[stage];
  const saves = await askToPause(dir, pauseFile);
  while (live === undefined && saves && (await isAlive(dir))) await delay(poll_ms);
  // Its result only has to be committed, which loads no model.
  if (pauseFile !== null && (await exitCode(dir)) === 0) return { about, did: 'finishes', detail: stage };
  if (live !== undefined && !saves) live.cancel.abort('pause');
  if (live === undefined) {
    const unverified = await closeAttempt(owner, stored, 'PAUSED');
    if (unverified.length > 0) return { about, did: 'held', detail: unverified.join(', ') };
  }
  return { about, did: saves ? 'saves' : 'interrupted', detail: stage };
}
