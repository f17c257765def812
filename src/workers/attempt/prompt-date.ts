import { dirname } from 'node:path';
import { DamagedFile } from '../../core/errors.ts';
import { promptDate } from '../../core/score/rendering.ts';
import { readPhaseRecord } from '../../io/artifacts/phase-store.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';

/**
 * The date that chat templates see in every run of a phase: that of the phase's first acceptance. So a night over
 * midnight, and a seed that is added a week later, have the same prompts. If phase.json is damaged, the run's own date
 * is used, with a warning. Throws system errors: another date would silently be another evaluation.
 */
export async function promptDateOf({ folder, run }: StoredRun, warn: (text: string) => void): Promise<string> {
  const own = promptDate(run.accepted);
  try {
    // A crash may have left runs without phase.json.
    const record = await readPhaseRecord(dirname(folder));
    return promptDate(record?.accepted || run.accepted);
  } catch (error) {
    if (!(error instanceof DamagedFile)) throw error;
    warn(
      `${error.path} cannot be read (${error.reason}), so a chat template that prints the date gets the day on which ` +
        `this run was accepted, ${own}. Runs of the phase that were accepted on another day are asked other prompts.`,
    );
    return own;
  }
}
