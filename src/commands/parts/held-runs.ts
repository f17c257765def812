import { heldBy } from '../../core/run/due.ts';
import { branchOf } from '../../core/run/lineage.ts';
import { heldText } from '../../core/run/rehearsal-words.ts';
import { readJournal } from '../../io/artifacts/run-folder.ts';
import type { RunStore } from '../../io/artifacts/run-store.ts';
import { ifDamaged } from '../../io/disk/own-file.ts';

/**
 * Of these runs, those that do not start until a person acts, with the reason: held ones, and those that start from them.
 * The journals are read from the disk, since the running `up` writes them.
 */
export async function heldAmong(runStore: RunStore, names: Iterable<string>): Promise<ReadonlyMap<string, string>> {
  await runStore.refresh();
  const found = new Map<string, string | null>();
  const visit = async (name: string): Promise<string | null> => {
    const known = found.get(name);
    if (known !== undefined) return known;
    found.set(name, null);
    const stored = runStore.get(name);
    const held = stored === undefined ? null : heldBy(await readJournal(stored.folder).catch(ifDamaged([])));
    const branch = stored === undefined ? null : branchOf(stored.run);
    const source = branch === null ? null : await visit(branch.run);
    const why = held !== null ? `held. ${heldText(held)}` : source === null ? null : `it starts from ${branch?.run}`;
    found.set(name, why);
    return why;
  };
  const reasons = new Map<string, string>();
  for (const name of names) {
    const why = await visit(name);
    if (why !== null) reasons.set(name, why);
  }
  return reasons;
}
