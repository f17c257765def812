import { join } from 'node:path';
import { StageError } from '../../core/errors.ts';
import { attemptDue } from '../../core/run/due.ts';
import { attemptFolder } from '../../events/stages.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import { endTools } from '../../io/tool/tool-folders.ts';
import type { Owner } from '../runtime/runtime.ts';
import { workedSoFar } from './attempt.ts';
import { recordFailure } from './failure.ts';

/**
 * Ends the current attempt of a run that is not busy: its tools are stopped, its bytes freed, and its end journaled
 * with `code`, so that its number is not used again. Returns the folders of tools that could not be verified to be
 * ours.
 */
export async function closeAttempt(
  owner: Owner,
  stored: StoredRun,
  code: 'CANCELLED' | 'STOPPED',
): Promise<readonly string[]> {
  const state = await owner.runStore.state(stored);
  const next = attemptDue(state);
  if (next === null) return [];
  const event = { run: stored.run.run, ...next };
  const dir = join(stored.folder, attemptFolder(event.stage, event.attempt));
  const seconds = (await workedSoFar(state.journal, event, dir)) ?? 0;
  const held = await endTools(dir);
  if (held.length > 0) return held;
  await recordFailure(owner, { stored, event, dir }, { error: new StageError(code, event.stage), seconds });
  return [];
}
