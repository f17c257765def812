import { CommandError } from '../core/errors.ts';
import { openShelf, type Shelf, type Shelved } from '../io/workspace/shelf.ts';
import type { Workspace } from '../io/workspace/workspace.ts';

/** A run with its shelf. */
export interface FoundRun {
  readonly shelf: Shelf;
  readonly shelved: Shelved;
}

/** Throws CommandError 2 when there is no such run, 3 when a file of it cannot be read. */
export async function findRun({ artifacts }: Workspace, id: string): Promise<FoundRun> {
  const shelf = openShelf(artifacts);
  await shelf.refresh();
  const shelved = shelf.get(id);
  if (shelved !== undefined) return { shelf, shelved };
  throw missingRun(shelf, id);
}

/** Why a run cannot be used: CommandError 3 when it is damaged, 2 when there is none. */
export function missingRun(shelf: Shelf, id: string): CommandError {
  const damaged = shelf.leftOut().find((left) => left.kind === 'damaged' && left.run === id);
  if (damaged?.kind === 'damaged') return new CommandError(3, damaged.why);
  return new CommandError(2, `There is no run ${id}. \`phasebox status\` lists them.`);
}
