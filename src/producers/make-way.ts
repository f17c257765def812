import { changedLines } from '../core/config/phase-changes.ts';
import type { PhasePlan } from '../core/config/read-config.ts';
import { someOf } from '../core/run/row-words.ts';
import { putAwayFolders } from '../io/artifacts/forgotten.ts';
import { putAwayPhase, readPhaseRecord, type StoreFs } from '../io/artifacts/phase-store.ts';
import { ifDamaged } from '../io/disk/own-file.ts';
import { checkPlan, type KnownPhase, knownPhase, type PlanCheck } from './check-plan.ts';

export interface Replacing {
  readonly artifacts: string;
  readonly store?: StoreFs;
  /** Does `work` while no run is admitted or retried. Then runs whose folders are gone leave the queue. */
  readonly alone?: (work: () => Promise<void>) => Promise<void>;
}

interface Known extends KnownPhase {
  readonly folder: string;
  readonly checked: PlanCheck;
}

/**
 * What was accepted under the name of a plan. A phase that the plan replaces is put away first, and then nothing was: after
 * a crash the same file finds an unused name.
 */
export async function makeWay(plan: PhasePlan, file: string, context: Replacing): Promise<Known> {
  const { artifacts, store, alone = (work) => work() } = context;
  const look = async (): Promise<Known> => {
    const known = await knownPhase(artifacts, plan.phase);
    return { ...known, checked: await checkPlan(plan, known, file) };
  };
  const replaces = ({ checked }: Known): boolean => checked.ok && checked.replaces;
  const found = await look();
  if (!replaces(found)) return found;
  await alone(async () => {
    // Since the first look, one of its runs may have started.
    if (replaces(await look())) await putAwayPhase(artifacts, plan.phase, store);
  });
  return look();
}

/** What a plan changes of the phase that had its name until it was put away, and where that is. */
export async function earlierText(artifacts: string, { phase, config }: PhasePlan): Promise<string[]> {
  const folder = (await putAwayFolders(artifacts, phase)).at(-1);
  if (folder === undefined) return [];
  const record = await readPhaseRecord(folder).catch(ifDamaged(null));
  const changes = record === null ? [] : changedLines(record.config, config);
  const where = `The phase that had this name is now in ${folder}`;
  return [changes.length === 0 ? where : `${where}. Changed: ${someOf(changes)}`];
}
