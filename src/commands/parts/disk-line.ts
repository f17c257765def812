import type { RunState } from '../../core/run/due.ts';
import type { RunStatus } from '../../core/run/status.ts';
import { sizeText } from '../../core/size-text.ts';
import { freeBytes } from '../../io/host/disk-usage.ts';
import { nearestFolder } from '../../io/host/file-system-facts.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';

/**
 * `train of 43a-s0 has reserved 1.2 GB`. Null if the run is at no stage, or if the size of the stage's output is not
 * known.
 */
export function reservation(
  { journal }: Pick<RunState, 'journal'>,
  { run, state, stage, attempt }: Pick<RunStatus, 'run' | 'state' | 'stage' | 'attempt'>,
): string | null {
  if (state !== 'running') return null;
  const line = journal.findLast(
    (one) => one.event === 'reserved' && one.stage === stage && one.attempt === (attempt ?? 1),
  );
  if (line?.event !== 'reserved' || line.bytes === null) return null;
  return `${line.stage} of ${run} has reserved ${sizeText(line.bytes)}`;
}

/**
 * The disk of artifacts/ in one line: what is free, what of it is kept free, and what running stages may still write.
 */
export async function diskLine({ artifacts, config }: Workspace, reserved: readonly string[]): Promise<string> {
  const free = sizeText(await freeBytes(await nearestFolder(artifacts)));
  const kept = sizeText(config.disk_reserve_gb * 2 ** 30);
  return [`disk: ${free} free, ${kept} of it kept free`, ...reserved].join('; ');
}
