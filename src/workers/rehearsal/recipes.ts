import type { RunDraft } from '../../core/config/lookups.ts';
import { isRehearsable, isWorthwhile } from '../../core/plan/rehearsal-recipe.ts';
import { currentLines, heldBy, rehearsedIn } from '../../core/run/due.ts';
import type { JournalLine, Run } from '../../events/run.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import { findBaseModel } from '../../io/model/models.ts';
import { recipeKey } from '../../io/model/recipe-key.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** The estimated seconds of each training. Runs of which nothing is known are left out. */
export type TrainSeconds = (runs: readonly RunDraft[]) => Promise<ReadonlyMap<string, number>>;

/** Which queued runs must be rehearsed, and which of them share a rehearsal. */
export function openRecipes(runtime: Runtime, trainSeconds: TrainSeconds) {
  const { runStore, rows, workspace } = runtime;
  const mode = workspace.config.rehearsal;
  // By run and acceptance: a corrected file may have replaced the run.
  const estimates = new Map<string, number | null>();
  const keys = new Map<string, string | null>();
  /** All at once: an estimate reads the history of the workspace. */
  const estimateOf = async (run: Run): Promise<number | null> => {
    if (!estimates.has(nameOf(run))) {
      const open = runStore.all().map((stored) => stored.run);
      const unknown = open.filter((one) => !rows.has(one.run) && !estimates.has(nameOf(one)));
      const found = await trainSeconds(unknown.filter(isRehearsable));
      for (const one of unknown) estimates.set(nameOf(one), found.get(one.run) ?? null);
    }
    return estimates.get(nameOf(run)) ?? null;
  };
  /** A retry reads the files again, since something was probably corrected. */
  const keyOf = async (stored: StoredRun): Promise<string | null> => {
    const retries = (await runStore.journal(stored)).filter(({ event }) => event === 'retried').length;
    const name = `${nameOf(stored.run)} ${retries}`;
    const known = keys.get(name);
    if (known !== undefined) return known;
    const key = await recipeOf(runtime, stored);
    keys.set(name, key);
    return key;
  };
  const isNew = async (stored: StoredRun, journal: readonly JournalLine[]): Promise<boolean> => {
    if (rehearsedIn(journal) !== null) return false;
    if (!isWorthwhile(mode, mode === 'always' ? null : await estimateOf(stored.run))) return false;
    const hasWorked = currentLines(journal).length < journal.length && journal.some(({ event }) => event === 'started');
    if (hasWorked && (await runStore.state(stored)).committed.has('train')) return false;
    return (await keyOf(stored)) !== null;
  };
  return {
    keyOf,
    /** Whether a queued run must be rehearsed before it starts. */
    async isDue(stored: StoredRun, journal: readonly JournalLine[]): Promise<boolean> {
      if (mode === 'off' || !isRehearsable(stored.run)) return false;
      return heldBy(journal) === null ? isNew(stored, journal) : isOutdated(await keyOf(stored), journal);
    },
  };
}

const nameOf = ({ run, accepted }: Run): string => `${run} ${accepted}`;

/** A run that was held with other files or versions than those of now. */
function isOutdated(key: string | null, journal: readonly JournalLine[]): boolean {
  const line = currentLines(journal).findLast(({ event }) => event === 'rehearsed');
  return key !== null && line?.event === 'rehearsed' && line.key !== key;
}

/** Null if the files of the run cannot be read: its first stage reports that. */
async function recipeOf({ runStore, workspace, versions, log }: Runtime, stored: StoredRun): Promise<string | null> {
  try {
    const base = await findBaseModel(stored.run, await runStore.journal(stored), workspace.root);
    const { memory_gb } = workspace.config;
    return base?.found ? await recipeKey(stored.run, base.folder, { versions, memory_gb }) : null;
  } catch (error) {
    log.warn({ err: error, run: stored.run.run }, 'the run is not rehearsed, since its files cannot be read');
    return null;
  }
}
