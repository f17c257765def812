import { type StageName, stageFolder } from '../../events/stages.ts';
import { currentLines, ending, isStarted, type RunState } from './due.ts';
import type { Branch } from './lineage.ts';

/** The state of a run between acceptance and its row. */
export type Standing = 'waiting' | 'started' | 'ended' | 'over';

/** `ended`: decided (failed for good, cancelled), but its row is not written yet. */
export function standing(journal: RunState['journal'], hasRow: boolean): Standing {
  if (hasRow) return 'over';
  if (ending(journal)) return 'ended';
  return isStarted(journal) ? 'started' : 'waiting';
}

/** Whether what a run starts from exists. `lost` means that it cannot come without a person. */
export type Readiness =
  | { readonly kind: 'ready' }
  | { readonly kind: 'not_yet' }
  | { readonly kind: 'lost'; readonly why: string };

/**
 * The run that another one starts from: its state, whether the stage in question is committed, and whether it has its
 * row.
 */
export interface Source {
  readonly state: RunState;
  readonly committed: boolean;
  readonly hasRow: boolean;
}

/** A source run with an unreadable file: which one, and what to do. */
export interface DamagedSource {
  readonly damage: string;
}

/** For a run that starts after a stage of another one. `source` is undefined if there is no such run. */
export function readiness(origin: Branch, source: Source | DamagedSource | undefined): Readiness {
  if (source === undefined) return { kind: 'lost', why: `there is no run ${origin.run}` };
  if ('damage' in source) return { kind: 'lost', why: `${origin.run} is damaged. ${source.damage}` };
  if (source.committed) return { kind: 'ready' };
  const end = ending(source.state.journal);
  // A done run does nothing more on its own, so deleted parts of it do not return.
  if (end === undefined && source.hasRow)
    return { kind: 'lost', why: `${stageFolder(origin.after)} of ${origin.run} was deleted after it was done` };
  if (end === undefined) return { kind: 'not_yet' };
  const how = end.event === 'cancelled' ? 'was cancelled' : 'failed';
  return { kind: 'lost', why: `${origin.run} ${how} before ${origin.after} was done` };
}

/** Codes of the failures of a stage since the last retry by a person, oldest first. */
export function failuresOf(state: RunState, stage: StageName): string[] {
  return currentLines(state.journal).flatMap((line) =>
    line.event === 'failed' && line.stage === stage ? [line.code] : [],
  );
}
