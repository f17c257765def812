import type { WorkspaceConfig } from '../../events/workspace.ts';
import type { RunDraft } from '../config/lookups.ts';
import { canonicalJson } from '../json.ts';

/** A run that trains, as far as a rehearsal depends on it. */
export type Rehearsable = Pick<
  RunDraft,
  'model' | 'data' | 'settings' | 'chain' | 'env' | 'min_rows' | 'train_defaults' | 'memory_gb'
>;

/** With `auto`, a training is rehearsed if it is estimated to take so many seconds: a rehearsal takes one or two minutes. */
const worthwhile_s = 600;

/** Whether a run has a training of its own. Runs that start from the training of another one do not. */
export const isRehearsable = ({ chain, settings, data, model }: Rehearsable): boolean =>
  chain.includes('train') && settings.train !== null && data !== null && model !== null;

/** Whether a training is worth a rehearsal. `train_s`: its estimated seconds, or null if nothing is known of its model. */
export const isWorthwhile = (mode: WorkspaceConfig['rehearsal'], train_s: number | null): boolean =>
  mode === 'always' || (mode === 'auto' && train_s !== null && train_s >= worthwhile_s);

/** The choice of a checkpoint by val loss needs validation rows. */
export const needsValid = ({ chain, settings }: Pick<Rehearsable, 'chain' | 'settings'>): boolean =>
  chain.includes('select') && settings.select.by === 'val_loss';

/** The memory limit of the workspace, in GB, and the installed packages. */
export interface RecipePlace extends Pick<WorkspaceConfig, 'memory_gb'> {
  readonly versions: Readonly<Record<string, string>>;
}

/** What the files and versions of a recipe are at the moment. */
export interface RecipeFiles extends RecipePlace {
  /** Names, sizes and times of the files of model, data and suite. */
  readonly model: string;
  readonly data: string;
  readonly suite: string;
  readonly resumed: string;
}

/**
 * Everything that a rehearsal depends on, as text: runs with the same text are rehearsed once. The seed, what is done
 * with the adapter and what happens to the scores do not matter.
 */
export function recipeText(run: Rehearsable, { versions, memory_gb, ...files }: RecipeFiles): string {
  const { train, eval: asked } = run.settings;
  const { suite, system, chat_template_args, temperature, stop, timeout_s, engine } = asked;
  return canonicalJson({
    ...{ model: run.model?.source, data: run.data?.folder, train, defaults: run.train_defaults },
    ...{ env: run.env, min_rows: run.min_rows, valid: needsValid(run), memory_gb: run.memory_gb ?? memory_gb, files },
    eval: { suite, system, chat_template_args, temperature, stop, timeout_s, server: engine?.server ?? true },
    versions: {
      mlx: versions.mlx ?? null,
      mlx_lm: versions.mlx_lm ?? null,
      transformers: versions.transformers ?? null,
    },
  });
}
