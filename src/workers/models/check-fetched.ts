import { faultFinding, faultOf } from '../../core/config/base-model.ts';
import { checkPrompts } from '../../core/config/check-prompts.ts';
import { suiteReader } from '../../core/config/check-settings.ts';
import { checkTrain } from '../../core/config/check-train.ts';
import { knownTrainSettings, type Lookups } from '../../core/config/lookups.ts';
import { type Finding, pathText } from '../../core/config/problem.ts';
import { StageError } from '../../core/errors.ts';
import { layersOf } from '../../core/mlx/adapted-layers.ts';
import { badPairs } from '../../core/mlx/known-pairs.ts';
import type { ModelFolder } from '../../core/mlx/model-support.ts';
import type { Run } from '../../events/run.ts';
import { openLookups } from '../../io/workspace/lookups.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** `error` says why the run cannot work. */
export interface CheckedFetch {
  readonly error: StageError | null;
  readonly warnings: readonly string[];
}

/** A model folder and its content. */
export interface Fetched {
  readonly folder: string;
  readonly model: ModelFolder;
}

/** Checks what acceptance could not, since the model of the run was not on this machine yet (`download: true`). */
export async function checkFetched(
  { workspace, python }: Pick<Runtime, 'workspace' | 'python'>,
  run: Run,
  { folder, model }: Fetched,
): Promise<CheckedFetch> {
  const lookups = openLookups({ ...workspace, python });
  const broken = await modelRefusal(run, lookups, { folder, model });
  if (broken !== null) return { error: broken, warnings: [] };
  const train = await checkTraining(run, lookups, model);
  if (train.error !== null) return train;
  const here = { ...run, model: run.model === null ? null : { ...run.model, folder } };
  const prompts = await checkPrompts([here], lookups, suiteReader(lookups));
  return { error: refusalOf(prompts.findings), warnings: [...train.warnings, ...prompts.warnings] };
}

function refusalOf(findings: readonly Finding[]): StageError | null {
  const reasons = findings.map(({ path, message, hint }) => `${pathText(path)}: ${message}. ${hint ?? ''}`.trim());
  return reasons.length === 0 ? null : new StageError('BAD_SETTINGS', reasons.join('\n'));
}

/** Checks the model's headers, and whether the installed mlx_lm can load it. */
async function modelRefusal(
  run: Run,
  lookups: Lookups,
  { folder, model: content }: Fetched,
): Promise<StageError | null> {
  const { source = folder, revision = null } = run.model ?? {};
  const found = { found: true, folder, revision: revision ?? 'main' } as const;
  const model = { source, revision, found, folder: content };
  const fault = await faultOf(model, lookups, run.settings.train?.trust_remote_code === true);
  if (fault === null) return null;
  const { message, hint } = faultFinding(fault, model, []);
  // If the installed mlx_lm does not know the model, that is due to its version and not to the model.
  return new StageError(fault.kind === 'unsupported' ? 'ENVIRONMENT' : 'BAD_MODEL', `${message}. ${hint ?? ''}`.trim());
}

/** Settings of the training that only the layers of the model can refuse, and versions that fail with this model. */
async function checkTraining(run: Run, lookups: Lookups, model: ModelFolder): Promise<CheckedFetch> {
  const { train } = run.settings;
  if (!model.whole || train === null || !run.chain.includes('train')) return { error: null, warnings: [] };
  const facts = await lookups.facts();
  const { findings, warnings } = checkTrain(train, {
    ...{ defaults: knownTrainSettings(facts), schedules: facts.schedules ?? null },
    ...{ layers: layersOf(model), path: ['train'] },
  });
  const pairs = badPairs(facts.versions, model.config);
  return { error: refusalOf(findings), warnings: [...warnings, ...pairs] };
}
