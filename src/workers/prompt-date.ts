import { dirname } from 'node:path';
import { promptDate } from '../core/score/rendering.ts';
import { readPhaseRecord } from '../io/workspace/phase-store.ts';
import type { Shelved } from '../io/workspace/shelf.ts';

/**
 * The date that chat templates read in every run of a phase: that of the phase's first acceptance. So a night over
 * midnight, and a seed that is added a week later, are asked the same prompts.
 */
export async function promptDateOf({ folder, run }: Shelved): Promise<string> {
  // A crash may have left runs without phase.json; a damaged one is reported where it is shown.
  const record = await readPhaseRecord(dirname(folder)).catch(() => null);
  return promptDate(record?.accepted || run.accepted);
}
