import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunDraft } from '../../core/config/lookups.ts';
import { StageError } from '../../core/errors.ts';
import { parsedOrNull } from '../../core/json.ts';
import { toolEnv } from '../../core/mlx/python.ts';
import { needsValid } from '../../core/plan/rehearsal-recipe.ts';
import { failedRehearsal, nothingMeasured, readReport, withEval } from '../../core/run/rehearsal-report.ts';
import { rehearsalName } from '../../core/run/rehearsal-words.ts';
import { checkReport } from '../../events/data-report.ts';
import type { RehearsalResult } from '../../events/rehearsal.ts';
import { files, remoteCode } from '../../events/stages/mlx.ts';
import { checkArgv, completeTrain, trainYaml } from '../../events/stages/train.ts';
import { acquireMachine } from '../../io/claim/machine-slot.ts';
import { readText } from '../../io/disk/files.ts';
import { memoryLimit } from '../../io/host/memory-limit.ts';
import { driverPath } from '../../io/host/package-root.ts';
import { logTail } from '../../io/tool/follow-log.ts';
import { settled } from '../../io/tool/settled.ts';
import { endTools } from '../../io/tool/tool-folders.ts';
import { startTool } from '../../io/tool/tool-process.ts';
import { stallLimits, watchStall } from '../../io/tool/watch-stall.ts';
import { rehearsingFolder } from '../../io/workspace/rehearsals.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';
import { askFirstPrompt } from './ask-first-prompt.ts';

/** What a rehearsal works with. */
export interface RehearsalMeans {
  readonly workspace: Pick<Workspace, 'root' | 'state' | 'config'>;
  readonly python: string;
  /** Stops the rehearsal, and its tools. */
  readonly signal: AbortSignal;
  /** Called when it begins to wait for the machine. */
  readonly onWait: (text: string) => void;
}

/** What is rehearsed. */
export interface Rehearsing {
  readonly run: RunDraft;
  /** The folder of its base model. */
  readonly baseModel: string;
  /** A folder of its own, which is emptied before it starts and removed when it ends. */
  readonly dir: string;
  /** The date that chat templates see. */
  readonly date: string;
}

/** Seconds for iterations on usual batches. */
const measure_s = 20;
const lastLines = 20;

export interface Rehearsal {
  readonly result: RehearsalResult;
  /** Without waiting for the machine. */
  readonly seconds: number;
}

/**
 * Does in a minute or two what a run's training and eval do first. A rehearsal that itself fails has a warning as result.
 * Throws STOPPED if the signal aborts, and errors of the disk.
 */
export async function rehearse(what: Rehearsing, means: RehearsalMeans): Promise<Rehearsal> {
  const { dir } = what;
  await endTools(dir);
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  const clock = openClock();
  try {
    const result = await stepsOf(what, means, clock);
    return { result, seconds: clock.seconds() };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Ends what an earlier process left of rehearsals. For the owner of the workspace, before it rehearses. */
export async function endRehearsals({ state }: Pick<Workspace, 'state'>): Promise<void> {
  const folder = rehearsingFolder(state);
  await endTools(folder);
  await rm(folder, { recursive: true, force: true });
}

async function stepsOf(what: Rehearsing, means: RehearsalMeans, clock: Clock): Promise<RehearsalResult> {
  const checked = await checkData(what, means);
  if (checked !== null) return checked;
  const trained = await onMachine(what, means, { clock, name: 'train', work: () => rehearseTraining(what, means) });
  if (trained.error !== null || what.run.settings.eval.engine?.server === false) return trained;
  const work = (): ReturnType<typeof askFirstPrompt> =>
    askFirstPrompt({ ...what, ...means, dir: join(what.dir, 'server') });
  return withEval(trained, await onMachine(what, means, { clock, name: 'server', work }));
}

type Clock = ReturnType<typeof openClock>;

/** Counts the time of a rehearsal without the time that it waits. */
function openClock() {
  const since = performance.now();
  let waited = 0;
  return {
    seconds: (): number => (performance.now() - since - waited) / 1000,
    async waiting<T>(wait: Promise<T>): Promise<T> {
      const from = performance.now();
      return wait.finally(() => {
        waited += performance.now() - from;
      });
    },
  };
}

/** Works with the machine's slot, as a stage does. The claim lasts only as long as this process, as that of a server. */
async function onMachine<T>(
  { run, dir }: Rehearsing,
  { workspace, signal, onWait }: RehearsalMeans,
  { clock, name, work }: { readonly clock: Clock; readonly name: string; readonly work: () => Promise<T> },
): Promise<T> {
  const claim = { dir: join(dir, name), server: true, what: rehearsalName(run.run), workspace: workspace.root };
  const slot = await clock.waiting(acquireMachine(claim, { signal, onWait }));
  try {
    return await work();
  } finally {
    await slot.release();
  }
}

/**
 * Starts a program in a folder and waits for its end. When the program has ended, throws STOPPED if the signal aborts,
 * and STALLED if it stands still: the night waits for its rehearsals.
 */
async function runTool(
  { run, dir, baseModel }: Rehearsing,
  { signal, workspace }: RehearsalMeans,
  { name, argv }: { readonly name: string; readonly argv: readonly string[] },
): Promise<{ readonly code: number | null; readonly log: string }> {
  if (signal.aborted) throw new StageError('STOPPED', 'rehearsal');
  const folder = join(dir, name);
  const tool = await startTool({ dir: folder, argv, env: toolEnv(run.env), cwd: dir });
  const stop = (): void => void endTools(folder);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    const limits = await stallLimits(workspace.config, baseModel);
    if (limits !== null) await watchStall({ tool: folder, files: dir }, limits, settled(tool.ended));
    const { code } = await tool.ended;
    if (signal.aborted) throw new StageError('STOPPED', 'rehearsal');
    return { code, log: tool.log };
  } catch (error) {
    await endTools(folder);
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** The data check with which the training begins. A result if the training would end there, else null. */
async function checkData(what: Rehearsing, means: RehearsalMeans): Promise<RehearsalResult | null> {
  const { run, baseModel, dir } = what;
  const settings = completeTrain(run);
  if (settings === null || run.data === null) throw new Error(`run ${run.run} has no training`);
  const call = { model: baseModel, data: run.data.folder, settings, minRows: run.min_rows };
  const argv = checkArgv(means.python, driverPath('check_data'), call);
  await runTool(what, means, { name: 'check', argv });
  const report = parsedOrNull(checkReport, await readText(join(dir, files.profile)));
  // The training itself shows more about a check that fails.
  if (report === null || report.stops.length === 0) return null;
  const message = report.stops.map((stop) => stop.message).join('; ');
  const error = { cause: 'data_check', code: 'BAD_DATA', message, remedy: 'Correct the data or the settings.' };
  return { ...nothingMeasured, error };
}

async function rehearseTraining(what: Rehearsing, means: RehearsalMeans): Promise<RehearsalResult> {
  const { run, baseModel, dir } = what;
  const { train } = run.settings;
  if (train === null || run.data === null) throw new Error(`run ${run.run} has no training`);
  const ours = { model: baseModel, data: run.data.folder, seed: run.seed };
  await writeFile(join(dir, files.trainConfig), trainYaml(train, ours));
  const limit = memoryLimit(run.memory_gb ?? means.workspace.config.memory_gb);
  const argv = [
    ...[means.python, driverPath('rehearse'), '-c', files.trainConfig, '--seconds', String(measure_s)],
    ...['--scratch', dir, '--memory-limit', String(limit)],
    ...(needsValid(run) ? ['--needs-valid'] : []),
    ...remoteCode(train),
  ];
  const { code, log } = await runTool(what, means, { name: 'train', argv });
  const how = code === null ? 'it was killed from outside' : `it ended with exit code ${code}`;
  const found = readReport((await readText(log)) ?? '');
  return found ?? failedRehearsal(`${how}; its last lines:\n${(await logTail(log, lastLines)).join('\n')}`);
}
