import { join, sep } from 'node:path';
import type { RunStatus } from '../../core/run/status.ts';
import { attemptFolder, isStage, stages } from '../../events/stages.ts';
import { holderText, machineHolder } from '../../io/claim/machine-slot.ts';
import { hasLiveTool } from '../../io/tool/tool-folders.ts';

/**
 * `waits for the machine: train of 43b-s0 in /other, pid 4711`: why a run's stage has not started. Null if it works.
 */
export async function machineWait(folder: string, status: RunStatus): Promise<string | null> {
  const { stage } = status;
  if (!isStage(stage) || !stages[stage].loadsModel || status.attempt === null) return null;
  const holder = await machineHolder();
  const dir = join(folder, attemptFolder(stage, status.attempt));
  if (holder === null || `${holder.dir}${sep}`.startsWith(`${dir}${sep}`) || (await hasLiveTool(dir))) return null;
  return `waits for the machine: ${holderText(holder)}`;
}
