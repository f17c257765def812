import { faultFinding, faultOf } from '../../core/config/base-model.ts';
import { checkPrompts } from '../../core/config/check-prompts.ts';
import { suiteReader } from '../../core/config/check-settings.ts';
import { checkTrain } from '../../core/config/check-train.ts';
import { knownTrainSettings, type Lookups } from '../../core/config/lookups.ts';
import { type Finding, pathText } from '../../core/config/problem.ts';
import { asStageError, CommandError, DamagedFile, StageError } from '../../core/errors.ts';
import { openQueue } from '../../core/keyed-lock.ts';
import { layersOf } from '../../core/mlx/adapted-layers.ts';
import { badPairs } from '../../core/mlx/known-pairs.ts';
import type { ModelFolder } from '../../core/mlx/model-support.ts';
import { due, standing } from '../../core/run/due.ts';
import type { Run } from '../../events/run.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import { readModelFolder } from '../../io/model/model-folder.ts';
import { findBaseModel } from '../../io/model/models.ts';
import { openLookups } from '../../io/workspace/lookups.ts';
import { emitDue } from '../attempt/run-stage.ts';
import { now, type Runtime } from '../runtime/runtime.ts';

/**
 * Checks of fetched models, in the background: they start Python, which takes seconds or hangs. One at a time, since
 * the seeds of a phase need the same check. `onChange` is called when a run may start or has failed.
 */
export function startChecks(runtime: Runtime, onChange: () => Promise<void>) {
  const { signal, log } = runtime;
  const running = new Map<string, Promise<void>>();
  const queue = openQueue();
  const stopped = new Promise<null>((resolve) => {
    signal.addEventListener('abort', () => resolve(null), { once: true });
  });
  const check = async (stored: StoredRun, fetchAgain: (() => void) | null): Promise<boolean> => {
    if (signal.aborted || !(await isUnchecked(runtime, stored))) return false;
    const checked = await Promise.race([stopped, look(runtime, stored, fetchAgain !== null)]);
    if (checked === null || !(await isUnchecked(runtime, stored))) return false;
    if (checked.kind !== 'lacking') await record(runtime, stored, checked);
    else fetchAgain?.();
    return checked.kind !== 'lacking';
  };
  const run = async (stored: StoredRun, fetchAgain: (() => void) | null): Promise<void> => {
    const name = stored.run.run;
    try {
      const isSettled = await queue(() => check(stored, fetchAgain)).finally(() => running.delete(name));
      if (isSettled) await onChange();
    } catch (error) {
      // The run stays in the queue: the next pass of the reconciler begins its check again.
      log.error({ run: name, err: error }, 'the check of a fetched model was not recorded');
    }
  };
  return {
    isRunning: (name: string): boolean => running.has(name),
    /** Begins the check of a run, unless it is running. Without `fetchAgain`, a missing file is a fault. */
    begin(stored: StoredRun, fetchAgain: (() => void) | null): void {
      const name = stored.run.run;
      if (!running.has(name)) running.set(name, run(stored, fetchAgain));
    },
    close: async (): Promise<void> => void (await Promise.all(running.values())),
  };
}

/** False if the run was cancelled, failed or checked since its check was requested. */
async function isUnchecked({ runStore, rows }: Runtime, stored: StoredRun): Promise<boolean> {
  const journal = await runStore.journal(stored);
  const isWaiting = standing(journal, rows.has(stored.run.run)) === 'waiting';
  return isWaiting && !journal.some((line) => line.event === 'fetched');
}

type Decided =
  | { readonly kind: 'usable'; readonly revision: string | null; readonly warnings: readonly string[] }
  | { readonly kind: 'refused'; readonly error: StageError };
type Checked = Decided | { readonly kind: 'lacking' };

/** Never throws: an unreadable model is a fault of the runs that need it. */
async function look(runtime: Runtime, stored: StoredRun, mayLack: boolean): Promise<Checked> {
  try {
    const found = await findBaseModel(stored.run, await runtime.runStore.journal(stored), runtime.workspace.root);
    if (!found?.found) return { kind: 'lacking' };
    const model = await readModelFolder(found.folder);
    if (mayLack && !model.whole && model.kind === 'missing') return { kind: 'lacking' };
    const { error, warnings } = await checkFetched(runtime, stored.run, { folder: found.folder, model });
    return error === null ? { kind: 'usable', revision: found.revision, warnings } : { kind: 'refused', error };
  } catch (error) {
    return { kind: 'refused', error: asRefusal(error) };
  }
}

/** From `fetched` on, the run stays at this commit. */
async function record(runtime: Runtime, stored: StoredRun, checked: Decided): Promise<void> {
  const { runStore, log } = runtime;
  const { run, model } = stored.run;
  if (checked.kind === 'refused') {
    const { error } = checked;
    log.error({ model: model?.source, code: error.code, err: error }, error.message);
    return giveUp(runtime, stored, { error, tail: [] });
  }
  const { revision, warnings } = checked;
  for (const text of warnings) log.warn({ run }, text);
  await runStore.append(stored, { event: 'fetched', at: now(), revision, warnings: [...warnings] });
}

/** A Python without mlx_lm is a CommandError, as for every command. */
const asRefusal = (error: unknown): StageError =>
  error instanceof CommandError && !(error instanceof DamagedFile)
    ? new StageError('ENVIRONMENT', error.message, { cause: error })
    : asStageError(error);

export interface Failure {
  readonly error: StageError;
  readonly tail: readonly string[];
}

/** The run ends before its first stage, whose name is in its row: that stage cannot run. */
export async function giveUp(runtime: Runtime, stored: StoredRun, { error, tail }: Failure): Promise<void> {
  const next = due(await runtime.runStore.state(stored), false);
  if (next === null || next.event.stage === 'results') return;
  const { stage, attempt } = next.event;
  const { code, message } = error;
  const line = { at: now(), stage, attempt, code, message, log: [...tail], seconds: 0, retry_at: null };
  await runtime.runStore.append(stored, { event: 'failed', ...line });
  runtime.notice({ kind: 'failed', stored, stage, code, message, retryAt: null, resumesFrom: null });
  await emitDue(runtime, stored);
}

/** `error` says why the run cannot work. */
interface CheckedFetch {
  readonly error: StageError | null;
  readonly warnings: readonly string[];
}

interface Fetched {
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
async function modelRefusal(run: Run, lookups: Lookups, { folder, model: read }: Fetched): Promise<StageError | null> {
  const { source = folder, revision = null } = run.model ?? {};
  const found = { found: true, folder, revision: revision ?? 'main' } as const;
  const model = { source, revision, found, folder: read };
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
