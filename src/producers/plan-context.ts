import { basename, join, resolve } from 'node:path';
import { type Lookups, type RunDraft, type RunPlan, withEarlier } from '../core/config/lookups.ts';
import { formatProblems, type Problem } from '../core/config/problem.ts';
import { type ReadPlan, readConfig } from '../core/config/read-config.ts';
import { readSuite } from '../core/config/read-suite.ts';
import { CommandError, messageOf } from '../core/errors.ts';
import { openQueue } from '../core/keyed-lock.ts';
import type { PlannedData } from '../core/plan/planned-data.ts';
import { branchOf } from '../core/run/lineage.ts';
import { rowNames } from '../core/run/row-words.ts';
import type { Row } from '../events/row.ts';
import { type CheckCall, completeTrain } from '../events/stages/train.ts';
import type { Suite } from '../events/suite.ts';
import { readRows } from '../io/artifacts/results-file.ts';
import { readRun } from '../io/artifacts/run-folder.ts';
import { inParallel } from '../io/disk/in-parallel.ts';
import { checkTrainingData } from '../io/model/look-at-data.ts';
import { findPython } from '../io/model/pythons.ts';
import { openLookups, readSmallFile } from '../io/workspace/lookups.ts';
import type { Workspace } from '../io/workspace/workspace.ts';

/** Everything from which a plan is made, looked up once. */
export interface PlanContext {
  readonly workspace: Workspace;
  readonly lookups: Lookups;
  readonly python: string;
  /** Rows of runs whose folders were removed. */
  readonly removed: readonly Row[];
}

/** A config that was read. `missing` is what keeps it from being accepted on this machine. */
export interface Read extends ReadPlan {
  readonly file: string;
  readonly missing: readonly string[];
}

/** Looks up Python, the removed runs, and how configs are read here. */
export async function openPlanContext(workspace: Workspace): Promise<PlanContext> {
  const { root, artifacts } = workspace;
  const lookups = openLookups({ root, artifacts, python: () => findPython(workspace), pythonOptional: true });
  const python = await findPython(workspace).catch(toShow);
  return { workspace, lookups, python, removed: await removedRuns(artifacts) };
}

/** Commands can be shown without a Python. A warning of each config then says that there is none. */
function toShow(error: unknown): string {
  if (error instanceof CommandError) return 'python3';
  throw error;
}

/** Rows whose runs no longer have a plan. */
async function removedRuns(artifacts: string): Promise<Row[]> {
  const rows = await readRows(artifacts);
  const runs = await inParallel(rows, (row) => readRun(join(artifacts, row.phase, row.run)));
  return rows.filter((_, index) => runs[index] === null);
}

/** Reads files in order, each knowing those before it. Throws what is wrong with all of them at once. */
export async function readAll(files: readonly string[], context: PlanContext): Promise<Read[]> {
  const reads: Read[] = [];
  const wrong: string[] = [];
  for (const path of files) {
    const file = await readSmallFile(resolve(path));
    if (!file.ok) {
      wrong.push(`${file.message}\n`);
      continue;
    }
    const result = await readConfig(file.bytes, basename(path), withEarlier(context.lookups, reads));
    const { plan } = result;
    if (plan === null) {
      wrong.push(formatProblems(path, result.ok ? [] : result.problems));
      continue;
    }
    const warnings = [...plan.warnings, ...runAgain(plan.runs, context.removed)];
    reads.push({ ...plan, file: path, warnings, missing: result.ok ? [] : result.problems.map(missingText) });
  }
  if (wrong.length > 0) throw new CommandError(2, wrong.join('\n').trimEnd());
  return reads;
}

/** Runs that are made again although they have a row: a row without its run folder is an old row. */
function runAgain(runs: readonly RunDraft[], removed: readonly Row[]): string[] {
  const rows = removed.filter((row) => runs.some(({ run }) => run === row.run));
  if (rows.length === 0) return [];
  const one = rows.length === 1;
  return [
    `${rowNames(rows)} ran before, and ${one ? 'its folder was' : 'their folders were'} removed: \`phasebox submit\` makes ${one ? 'it' : 'them'} again`,
  ];
}

/** What keeps a valid config from being accepted here, worded as in `submit`. */
const missingText = ({ path, message, hint }: Problem): string =>
  `${path}: ${message}${hint === null ? '' : `; ${hint}`}`;

/** Plans of the runs that these start from, and of those that they start from. */
export async function sourcePlans(runs: readonly RunDraft[], lookups: Lookups): Promise<Map<string, RunPlan>> {
  const plans = new Map<string, RunPlan>(runs.map((run) => [run.run, run]));
  const open: RunPlan[] = [...runs];
  for (let run = open.pop(); run !== undefined; run = open.pop()) {
    const branch = branchOf(run);
    if (branch === null || plans.has(branch.run)) continue;
    const source = await lookups.runPlan(branch.run);
    if (source === null) continue;
    plans.set(source.run, source);
    open.push(source);
  }
  return plans;
}

/** The suite of a run. Throws CommandError 2 if it is gone meanwhile. */
export async function suiteOf(run: RunDraft, lookups: Lookups): Promise<Suite> {
  const path = run.settings.eval.suite;
  const file = await lookups.read(path);
  const read = file.ok ? readSuite(file.bytes, path) : null;
  if (read !== null && 'suite' in read) return read.suite;
  throw new CommandError(2, `suite ${path} can no longer be read`);
}

/** The data check of a planned run, or null if it does not train. */
export type DataCheck = (draft: RunDraft) => Promise<PlannedData | null>;

/** Data checks, one at a time: each has a tokenizer and rows in memory. The seeds of a phase share a check. */
export function dataChecks(python: string, lookups: Lookups): DataCheck {
  const known = new Map<string, Promise<PlannedData>>();
  const queue = openQueue();
  return async (draft) => {
    const call = await callOf(draft, lookups);
    if (call === null || 'reason' in call) return call;
    const key = JSON.stringify(call);
    const before = known.get(key);
    if (before !== undefined) return before;
    const running = queue(() => check(python, call));
    known.set(key, running);
    return running;
  };
}

async function check(python: string, call: CheckCall): Promise<PlannedData> {
  try {
    return { checked: true, report: await checkTrainingData(python, call) };
  } catch (error) {
    return { checked: false, reason: messageOf(error) };
  }
}

/** @returns The check with which the run's training would begin, or null if the run does not train. */
async function callOf(
  draft: RunDraft,
  lookups: Lookups,
): Promise<CheckCall | Extract<PlannedData, { checked: false }> | null> {
  const train = completeTrain(draft);
  if (train === null || draft.data === null || !draft.chain.includes('train')) return null;
  const { folder: data } = draft.data;
  const model = draft.model?.folder ?? null;
  if (model === null) return { checked: false, reason: 'the model is not on this machine' };
  // The warning of the config says why no Python could be asked.
  if ((await lookups.facts()).unchecked !== undefined) return { checked: false, reason: 'no Python with mlx_lm' };
  if ((await lookups.look(data))?.kind !== 'folder')
    return { checked: false, reason: 'the data is not on this machine' };
  return { model, data, settings: train, minRows: draft.min_rows };
}
