import { faultFinding, faultOf } from '../core/config/base-model.ts';
import { checkPrompts } from '../core/config/check-prompts.ts';
import { suiteReader } from '../core/config/check-settings.ts';
import { checkTrain } from '../core/config/check-train.ts';
import { knownTrainSettings, type Lookups } from '../core/config/lookups.ts';
import { type Finding, pathText } from '../core/config/problem.ts';
import { StageError } from '../core/errors.ts';
import { layersOf } from '../core/mlx/adapted-layers.ts';
import { badPairs } from '../core/mlx/known-pairs.ts';
import type { Run } from '../events/run.ts';
import { openLookups } from '../io/workspace/lookups.ts';
import type { Shelved } from '../io/workspace/shelf.ts';
import type { Runtime } from './runtime.ts';

/** Where warnings go. */
interface Warns {
  readonly log: { warn(where: object, text: string): void };
}

/**
 * What acceptance could not check of a run whose model was not here yet (`download: true`), now that it is in `folder`:
 * why the run cannot work, before its first stage. Null: nothing is wrong.
 */
export async function refusalOfFetched(
  runtime: Pick<Runtime, 'workspace' | 'python'> & Warns,
  { run }: Pick<Shelved, 'run'>,
  folder: string,
): Promise<StageError | null> {
  const lookups = openLookups({ ...runtime.workspace, python: runtime.python });
  const broken = await modelRefusal(run, lookups, folder);
  if (broken !== null) return broken;
  const layers = await trainRefusal(runtime, run, { lookups, folder });
  if (layers !== null) return layers;
  const here = { ...run, model: run.model === null ? null : { ...run.model, folder } };
  const { findings, warnings } = await checkPrompts([here], lookups, suiteReader(lookups));
  for (const text of warnings) runtime.log.warn({ run: run.run }, text);
  return findings.length === 0 ? null : asRefusal(findings);
}

const asRefusal = (findings: readonly Finding[]): StageError => {
  const reasons = findings.map(({ path, message, hint }) => `${pathText(path)}: ${message}. ${hint ?? ''}`.trim());
  return new StageError('BAD_SETTINGS', reasons.join('\n'));
};

/** The model by its headers, and whether the installed mlx_lm can load it. */
async function modelRefusal(run: Run, lookups: Lookups, folder: string): Promise<StageError | null> {
  const { source = folder, revision = null } = run.model ?? {};
  const found = { found: true, folder, revision: revision ?? 'main' } as const;
  const model = { source, revision, found, folder: await lookups.inspectModel(folder) };
  const fault = await faultOf(model, lookups, run.settings.train?.trust_remote_code === true);
  if (fault === null) return null;
  const { message, hint } = faultFinding(fault, model, []);
  // What the installed mlx_lm does not know is a matter of its version, not of the model.
  return new StageError(fault.kind === 'unsupported' ? 'ENVIRONMENT' : 'BAD_MODEL', `${message}. ${hint ?? ''}`.trim());
}

/** Settings of the training that only the layers of the model can refuse, and versions that fail with this model. */
async function trainRefusal(
  { log }: Warns,
  run: Run,
  { lookups, folder }: { lookups: Lookups; folder: string },
): Promise<StageError | null> {
  const model = await lookups.inspectModel(folder);
  const { train } = run.settings;
  if (!model.whole || train === null || !run.chain.includes('train')) return null;
  const facts = await lookups.facts();
  const { findings, warnings } = checkTrain(train, {
    ...{ defaults: knownTrainSettings(facts), schedules: facts.schedules ?? null },
    ...{ layers: layersOf(model), path: ['train'] },
  });
  const pairs = badPairs(facts.versions, model.config);
  for (const text of [...warnings, ...pairs]) log.warn({ run: run.run }, text);
  return findings.length === 0 ? null : asRefusal(findings);
}
