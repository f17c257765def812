import type { RunDraft } from '../../core/config/lookups.ts';
import { isRehearsable } from '../../core/plan/rehearsal-recipe.ts';
import type { RehearsalResult } from '../../events/rehearsal.ts';
import { recipeKey } from '../../io/model/recipe-key.ts';
import { readRehearsal, readRehearsals } from '../../io/workspace/rehearsals.ts';
import type { PlanContext } from '../../producers/plan-context.ts';

/** The result of an earlier rehearsal of the same recipe. Null if there was none, or if its model is not here. */
export type RehearsedByRecipe = (draft: RunDraft) => Promise<RehearsalResult | null>;

type Known = Pick<PlanContext, 'workspace' | 'lookups'>;

/** The name of a draft's recipe on this machine. Null if it is not rehearsed, or if its model is not here. */
export async function keyOfDraft(draft: RunDraft, { lookups, workspace }: Known): Promise<string | null> {
  const folder = draft.model?.folder ?? null;
  if (folder === null || !isRehearsable(draft)) return null;
  const { memory_gb } = workspace.config;
  return recipeKey(draft, folder, { versions: (await lookups.facts()).versions, memory_gb });
}

/** Looks up results by recipe, for configs that are not in the queue. */
export async function openRehearsed(context: Known): Promise<RehearsedByRecipe> {
  const { state } = context.workspace;
  if ((await readRehearsals(state)).length === 0) return async () => null;
  return async (draft) => {
    const key = await keyOfDraft(draft, context);
    return key === null ? null : ((await readRehearsal(state, key))?.result ?? null);
  };
}
