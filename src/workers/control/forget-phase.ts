import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { phaseOfRun } from '../../core/config/plan-runs.ts';
import { findTarget, forgotten } from '../../core/run/control.ts';
import { branchOf, readersOf } from '../../core/run/lineage.ts';
import type { Outcome } from '../../events/request.ts';
import { forgottenPhases, putAwayFolders, putAwayNames } from '../../io/artifacts/forgotten.ts';
import { bringPhaseBack, phaseFolder, putAwayPhase } from '../../io/artifacts/phase-store.ts';
import { takeRows } from '../../io/artifacts/results-file.ts';
import { readRun } from '../../io/artifacts/run-folder.ts';
import { inParallel } from '../../io/disk/in-parallel.ts';
import { ifDamaged } from '../../io/disk/own-file.ts';
import { type Owner, sharedStages } from '../runtime/runtime.ts';

/**
 * Takes a finished phase off `status` and the pages. One rename decides it: its folder is put away, and readers of
 * results.jsonl leave the rows of such phases out.
 */
export const forgetPhase = (owner: Owner, name: string): Promise<Outcome> =>
  // No run is admitted or retried meanwhile: it could read from the phase, or belong to it.
  owner.turn(sharedStages, () => forget(owner, name));

async function forget(owner: Owner, name: string): Promise<Outcome> {
  const { runStore, rows, workspace, control } = owner;
  const all = runStore.all().map(({ run }) => run);
  const target = findTarget(name, all);
  if (target === null) return forgottenBefore(owner, name);
  const phase = all.find(({ run }) => run === target.name)?.phase ?? target.name;
  if (target.kind === 'run') return { about: name, did: 'only_phase', detail: phase };
  const own = all.filter((run) => run.phase === phase).map(({ run }) => run);
  const open = own.filter((run) => !rows.has(run) || owner.busyRuns.has(run));
  if (open.length > 0) return { about: phase, did: 'not_over_yet', detail: open.join(', ') };
  const readers = readersOf(all, phase).map(({ run }) => run);
  if (readers.length > 0) return { about: phase, did: 'read_by', detail: readers.join(', ') };
  await control.set(forgotten(control.now(), { phase, runs: own }));
  const folder = await putAwayPhase(workspace.artifacts, phase);
  await runStore.refresh();
  for (const run of own) rows.delete(run);
  owner.pages.changed(phase);
  return { about: phase, did: 'forgotten', detail: relative(workspace.root, folder) };
}

/** The command sends its request again if an `up` died after the rename: then only the pages may be left to write. */
async function forgottenBefore(owner: Owner, name: string): Promise<Outcome> {
  const { workspace, pages } = owner;
  const known = [...(await forgottenPhases(workspace.artifacts))].find((one) => isSameName(one, name));
  const folder = known === undefined ? undefined : (await putAwayFolders(workspace.artifacts, known)).at(-1);
  if (known === undefined || folder === undefined) return { about: name, did: 'unknown', detail: null };
  pages.changed(known);
  return { about: known, did: 'forgotten', detail: relative(workspace.root, folder) };
}

/** Brings the phase back that was put away last under this name. */
export const restorePhase = (owner: Owner, name: string): Promise<Outcome> =>
  owner.turn(sharedStages, () => restore(owner, name));

async function restore(owner: Owner, name: string): Promise<Outcome> {
  const { runStore, rows, workspace, pages } = owner;
  const { artifacts, root } = workspace;
  const phase = (await putAwayNames(artifacts)).find((one) => isSameName(one, name));
  const folder = phase === undefined ? undefined : (await putAwayFolders(artifacts, phase)).at(-1);
  if (phase === undefined || folder === undefined) return { about: name, did: 'not_forgotten', detail: null };
  if ((await phaseFolder(artifacts, phase)) !== null)
    return { about: phase, did: 'name_used', detail: relative(root, folder) };
  const names = await readdir(folder);
  const plans = await inParallel(names, (run) => readRun(join(folder, run)).catch(ifDamaged(null)));
  const sources = plans.flatMap((plan) => (plan === null ? [] : (branchOf(plan)?.run ?? [])));
  const missing = sources.filter((run) => !names.includes(run) && runStore.get(run) === undefined);
  const away = await forgottenPhases(artifacts);
  const lost = [...new Set(missing.map(phaseOfRun))].filter((one) => one !== null && away.has(one));
  if (lost.length > 0) return { about: phase, did: 'source_forgotten', detail: lost.join(', ') };
  // Before the runs return: without its row, a finished run would be due to get it again.
  const { taken } = await takeRows(artifacts, ({ status, seconds }) => ({ status, seconds }));
  for (const [run, row] of taken) if (names.includes(run)) rows.set(run, row);
  await bringPhaseBack(artifacts, folder);
  await runStore.refresh();
  pages.changed(phase);
  return { about: phase, did: 'restored', detail: null };
}

const isSameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
