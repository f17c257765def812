import { CommandError } from '../../core/errors.ts';
import { openRunStore, type RunStore, type StoredRun } from '../../io/artifacts/run-store.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';

export interface FoundRun {
  readonly runStore: RunStore;
  readonly stored: StoredRun;
}

/** Throws CommandError 2 if there is no such run, and 3 if a file of it cannot be read. */
export async function findRun({ artifacts }: Workspace, id: string): Promise<FoundRun> {
  const runStore = openRunStore(artifacts);
  await runStore.refresh();
  const stored = runStore.get(id);
  if (stored !== undefined) return { runStore, stored };
  throw missingRun(runStore, id);
}

/** Why a run cannot be used: CommandError 3 if it is damaged, 2 if it does not exist. */
export function missingRun(runStore: RunStore, id: string): CommandError {
  const damaged = runStore.leftOut().find((left) => left.kind === 'damaged' && left.run === id);
  if (damaged?.kind === 'damaged') return new CommandError(3, damaged.why);
  return new CommandError(2, `There is no run ${id}. \`phasebox status\` lists the runs.`);
}
