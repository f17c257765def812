import { join } from 'node:path';
import type { NightView } from '../../core/plan/night.ts';
import { nightText } from '../../core/plan/night-text.ts';
import { atRest } from '../../core/run/control.ts';
import type { RunState } from '../../core/run/due.ts';
import { attemptFolder } from '../../events/stages.ts';
import { sortRows } from '../../io/artifacts/removed-runs.ts';
import { takeHeads } from '../../io/artifacts/results-file.ts';
import { openRunStore, type StoredRun } from '../../io/artifacts/run-store.ts';
import { ownerOf } from '../../io/claim/ownership.ts';
import { ifDamaged } from '../../io/disk/own-file.ts';
import { hasLiveTool } from '../../io/tool/tool-folders.ts';
import { deadlineOf } from '../../io/workspace/deadline.ts';
import { readControl } from '../../io/workspace/state-files.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';
import type { NightPlace, RunningStage } from '../../workers/queue/night.ts';
import type { Finished } from '../../workers/runtime/runtime.ts';
import { liveProgress } from './live-progress.ts';

/** The runs of a workspace as the disk shows them. What cannot be read is reported by `status` and ignored here. */
export async function openNight(workspace: Workspace): Promise<NightPlace> {
  const runStore = openRunStore(workspace.artifacts);
  await runStore.refresh();
  const { taken } = await takeHeads(workspace.artifacts, ({ run, status, seconds }) => ({
    run,
    status,
    seconds,
  })).catch(ifDamaged({ taken: new Map<string, Finished & { readonly run: string }>() }));
  const { own: rows } = await sortRows([...taken.values()], runStore);
  const control = await readControl(workspace.state).catch(ifDamaged(atRest));
  return { workspace, runStore, control, rows, progress: progressOnDisk(workspace) };
}

/** The sum of the night in one sentence, as every command says it. Null if no run is left. */
export const saidNight = async ({ workspace }: NightPlace, view: NightView): Promise<string | null> =>
  nightText(view, await deadlineOf(workspace), (await ownerOf(workspace.state)) !== null);

/** The sentence as a line of a command. */
export const nightLine = (text: string): string => `night: ${text}`;

/** The progress of a stage from its files. Null if nothing works on it: then it starts again or from its answers. */
export const progressOnDisk =
  ({ state: folder }: Pick<Workspace, 'state'>): NightPlace['progress'] =>
  async (stored: StoredRun, { journal }: RunState, at: RunningStage) => {
    const own = journal.filter((line) => 'attempt' in line && line.stage === at.stage && line.attempt === at.attempt);
    const begun = own.findLast(({ event }) => event === 'reserved' || event === 'resumed');
    if (begun === undefined) return null;
    const dir = join(stored.folder, attemptFolder(at.stage, at.attempt));
    if ((await ownerOf(folder)) === null && !(await hasLiveTool(dir))) return null;
    const before = begun.event === 'resumed' ? begun.seconds : 0;
    const progress = await liveProgress(dir, stored.run, at.stage);
    return { spent_s: before + (Date.now() - Date.parse(begun.at)) / 1000, left_s: progress?.eta_s ?? null };
  };
