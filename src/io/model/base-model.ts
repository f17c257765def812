import type { FoundModel } from '../../core/config/lookups.ts';
import type { JournalLine, Run } from '../../events/run.ts';
import { resolveModel } from './models.ts';

/** The commit at which a run's base model was first found, else what the config asks for (null means the newest). */
export function baseRevision(model: NonNullable<Run['model']>, journal: readonly JournalLine[]): string | null {
  const fetched = journal.findLast((line) => line.event === 'fetched');
  return fetched?.event === 'fetched' && fetched.revision !== null ? fetched.revision : model.revision;
}

/**
 * Where the base model of a run is now: as at acceptance, or by its name if it was fetched later. Once found, it stays
 * at one commit, so that all stages read the same weights. Null if the run has no base model.
 */
export async function findBaseModel(
  { model }: Run,
  journal: readonly JournalLine[],
  root: string,
): Promise<FoundModel | null> {
  if (model === null) return null;
  if (model.folder !== null) return { found: true, folder: model.folder, revision: model.revision };
  return resolveModel(model.source, baseRevision(model, journal), root);
}
