import { sentBack } from '../../core/run/control.ts';
import { ending, heldBy, type RunState, readiness, standing } from '../../core/run/due.ts';
import { branchOf } from '../../core/run/lineage.ts';
import { isRemoved } from '../../core/run/outputs.ts';
import type { Outcome } from '../../events/request.ts';
import { type StageName, stages } from '../../events/stages.ts';
import { putAside } from '../../io/artifacts/remove-outputs.ts';
import { removeRow } from '../../io/artifacts/results-store.ts';
import { readManifest } from '../../io/artifacts/run-folder.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import { sourceOf } from '../attempt/inputs.ts';
import { now, type Owner, sharedStages } from '../runtime/runtime.ts';

/**
 * Returns a finished run to the queue: first journaled, then (`stage`) its committed folders from that stage on are
 * removed, then its row. It resumes at its first missing stage. After a crash, doing it again finishes it.
 */
export function retryRun(owner: Owner, stored: StoredRun, stage: StageName | null): Promise<Outcome> {
  const name = stored.run.run;
  const work = async (): Promise<Outcome> => {
    const state = await owner.runStore.state(stored);
    const last = state.journal.at(-1);
    const cutShort = last?.event === 'retried' && owner.rows.has(name) ? last : null;
    const from = cutShort === null ? (stage ?? gapIn(state)) : cutShort.stage;
    if (cutShort === null) {
      const refused = await refusal(owner, stored, { state, stage });
      if (refused !== null) return refused;
      await owner.runStore.append(stored, { event: 'retried', at: now(), stage: from });
    }
    await putAside(stored.folder, stagesFrom(stored, from));
    for (const warning of await removeRow(owner.workspace.artifacts, name)) owner.log.warn(warning);
    owner.rows.delete(name);
    await owner.control.set(sentBack(owner.control.now(), [name]));
    owner.pages.changed(stored.run.phase);
    const waits = await owner.runStore.state(stored);
    const next = waits.run.chain.find((one) => !waits.committed.has(one)) ?? null;
    return { about: name, did: 'retried', detail: next };
  };
  return owner.turn(sharedStages, () => owner.turn(name, work));
}

/** A stage whose folder was deleted although later ones, which were made from it, exist. Null if there is no gap. */
function gapIn({ run, committed }: RunState): StageName | null {
  const first = run.chain.findIndex((stage) => !committed.has(stage));
  const later = first < 0 ? [] : run.chain.slice(first);
  return later.some((stage) => committed.has(stage)) ? (later[0] ?? null) : null;
}

/** Returns runs to the queue that ended only because a source of theirs did. `names` are retried runs. */
export async function returnDependants(owner: Owner, names: ReadonlySet<string>): Promise<Outcome[]> {
  const sources = new Set(names);
  const outcomes: Outcome[] = [];
  // In order of acceptance: a run is accepted after the one that it comes from.
  for (const stored of owner.runStore.all()) {
    const { run } = stored.run;
    const branch = branchOf(stored.run);
    if (branch === null || !sources.has(branch.run)) continue;
    if (ending(await owner.runStore.journal(stored))?.event !== 'source_failed') continue;
    const outcome = await retryRun(owner, stored, null);
    if (outcome.did !== 'retried') continue;
    sources.add(run);
    outcomes.push({ about: run, did: 'returned', detail: branch.run });
  }
  return outcomes;
}

const stagesFrom = ({ run }: StoredRun, stage: StageName | null): readonly StageName[] =>
  stage === null ? [] : run.chain.slice(run.chain.indexOf(stage));

/** Why a run is not retried, or null. */
async function refusal(
  owner: Owner,
  stored: StoredRun,
  { state, stage }: { readonly state: RunState; readonly stage: StageName | null },
): Promise<Outcome | null> {
  const { run, chain } = stored.run;
  const stand = standing(state.journal, owner.rows.has(run));
  const isHeld = heldBy(state.journal) !== null;
  if ((stand === 'waiting' && !isHeld) || stand === 'started') return { about: run, did: 'not_over', detail: stand };
  if (stage !== null && !chain.includes(stage)) return { about: run, did: 'no_stage', detail: chain.join(', ') };
  if (stage === null && chain.every((one) => state.committed.has(one)))
    return { about: run, did: 'done', detail: chain.join(', ') };
  const lost = await lostSource(owner, stored);
  if (lost !== null) return { about: run, did: 'source_over', detail: lost };
  const users = await usersOf(owner, stored, stagesFrom(stored, stage));
  if (users.length > 0) return { about: run, did: 'needed', detail: users.join(', ') };
  const removed = stage === null ? null : await removedInput(stored, stage);
  return removed === null ? null : { about: run, did: 'input_removed', detail: removed };
}

/** The run that this one comes from, if it has finished without what is needed. */
async function lostSource(owner: Owner, stored: StoredRun): Promise<string | null> {
  const branch = branchOf(stored.run);
  if (branch === null) return null;
  const ready = readiness(branch, await sourceOf(owner, branch));
  return ready.kind === 'lost' ? branch.run : null;
}

/** Active runs that read one of these stages of this run, which must not disappear. Queued runs can wait. */
async function usersOf({ runStore, rows }: Owner, stored: StoredRun, gone: readonly StageName[]): Promise<string[]> {
  const users: string[] = [];
  for (const other of runStore.all()) {
    const { run } = other.run;
    if (run === stored.run.run || rows.has(run)) continue;
    const lineage = runStore.lineage(other);
    if (!gone.some((stage) => lineage.made(stage) === stored)) continue;
    if (standing(await runStore.journal(other), false) === 'started') users.push(run);
  }
  return users;
}

const makesModel = ['fuse', 'quantize'] as const;

/**
 * The stage of this run that must run first: `quantize` reads the fused model, which `cleanup` removes, and later
 * stages read the final one, which `keep_model` and `gc` remove. Otherwise an existing row would be lost for nothing.
 */
async function removedInput(stored: StoredRun, stage: StageName): Promise<StageName | null> {
  const before = makesModel.filter((one) => stagesFrom(stored, one).slice(1).includes(stage));
  let first: StageName | null = null;
  // Backwards: each is only read if the one after it must run again.
  for (const maker of before.reverse()) {
    if (!(await modelRemoved(stored, maker))) break;
    first = maker;
  }
  return first;
}

async function modelRemoved({ folder }: StoredRun, stage: (typeof makesModel)[number]): Promise<boolean> {
  const manifest = await readManifest(folder, stage);
  const made = stages[stage].makes.safeParse(manifest?.made).data;
  return made !== undefined && manifest !== null && isRemoved(manifest, made.model);
}
