import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { inboxName } from '../core/config/inbox-names.ts';
import { replacedTexts } from '../core/run/old-rows.ts';
import type { Row } from '../events/row.ts';
import { readRows } from '../io/artifacts/results-file.ts';
import { listNames } from '../io/disk/files.ts';
import { inParallel } from '../io/disk/in-parallel.ts';
import { findPython } from '../io/model/python.ts';
import { openLookups } from '../io/workspace/lookups.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { type ReadPlan, stateOf } from '../producers/accept.ts';
import { type Dropped, dropFiles } from '../producers/drop.ts';
import { lookAt } from '../producers/look.ts';
import { planReader } from '../producers/read-plan.ts';
import { type Prepared, prepareFiles } from '../producers/submission.ts';
import { print, printError } from './parts/output.ts';
import { type Register, workspaceOf } from './parts/register.ts';
import { documented } from './parts/usage.ts';

export interface SubmitOptions {
  readonly workspace: Workspace;
  readonly read: ReadPlan;
  /** Every seed of the files once more. */
  readonly again: boolean;
  /** Wait until every run of the files has its row. */
  readonly watch: boolean;
  readonly out: (line: string) => void;
  readonly err: (text: string) => void;
  /** Ends the waiting of `watch`: it throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Validates all files, or writes none; then puts them into the inbox in this order. Returns the exit code: 0; 1 with
 * `watch` when a run failed or was cancelled; 2 when a file is wrong. Throws what the disk throws.
 */
export async function submit(files: readonly string[], options: SubmitOptions): Promise<number> {
  const { workspace, read, again, out, err } = options;
  const preparations = await prepareFiles(files, { workspace, read, again });
  const wrong = preparations.flatMap((one) => (one.ok ? [] : [one.reasons]));
  if (wrong.length > 0) {
    for (const reasons of wrong) err(reasons);
    err(`Nothing was submitted.\n`);
    return 2;
  }
  const prepared = preparations.flatMap((one) => (one.ok ? [one.prepared] : []));
  for (const one of prepared) {
    out(await intention(one, workspace));
    for (const warning of one.plan.warnings) err(`${one.name}: ${warning}\n`);
  }
  const dropped = await dropFiles(
    workspace,
    prepared.map(({ name, bytes }) => ({ name: inboxName(name), bytes })),
  );
  for (const { name } of dropped) out(`${join(workspace.config.inbox, name)} submitted`);
  if (!options.watch) return 0;
  const runs = new Set(prepared.flatMap(({ fresh, known }) => [...fresh, ...known]));
  out(
    `waiting for ${runs.size === 1 ? 'a run' : `${runs.size} runs`} of \`phasebox up\` (Ctrl-C ends the waiting only)`,
  );
  const old = prepared.flatMap((one) => one.old);
  return waitForRows(runs, { dropped, old }, options);
}

/** `43a.yaml: phase 43a, new: 43a-s1; known: 43a-s0 (done)`. */
async function intention({ name, plan, known, old, ...of }: Prepared, { artifacts }: Workspace): Promise<string> {
  const states = await inParallel(known, async (run) => {
    const state = await stateOf(join(artifacts, plan.phase, run));
    return `${run} (${state ?? 'submitted before'})`;
  });
  const fresh = of.fresh.filter((run) => !old.some((row) => row.run === run));
  const parts = [
    ...(fresh.length > 0 ? [`new: ${fresh.join(', ')}`] : []),
    ...replacedTexts(old, []),
    ...(states.length > 0 ? [`already known: ${states.join(', ')}`] : []),
  ];
  return `${name}: phase ${plan.phase}; ${parts.join('; ')}`;
}

const pollEvery_ms = 200;

interface Awaited {
  readonly dropped: readonly Dropped[];
  /** Rows that are not waited for: they are of earlier runs of the same names. */
  readonly old: readonly Row[];
}

async function waitForRows(
  runs: ReadonlySet<string>,
  { dropped, old }: Awaited,
  { workspace, out, err, signal }: SubmitOptions,
): Promise<number> {
  const open = new Set(runs);
  const undecided = new Set(dropped);
  const newRows = changedRows(workspace.artifacts);
  let bad = false;
  for (;;) {
    const isOld = ({ run, ended }: Row): boolean => old.some((one) => one.run === run && one.ended === ended);
    for (const row of (await newRows()).filter((one) => open.has(one.run) && !isOld(one))) {
      open.delete(row.run);
      bad ||= row.status !== 'done';
      out(rowLine(row));
    }
    if (open.size === 0) return bad ? 1 : 0;
    for (const file of undecided) {
      const reasons = await outcome(file, workspace);
      if (reasons === 'open') continue;
      undecided.delete(file);
      if (reasons === 'accepted') continue;
      err(reasons);
      return 2;
    }
    await setTimeout(pollEvery_ms, undefined, signal === undefined ? {} : { signal });
  }
}

/** All rows when the file changed since the last call; none when it did not. */
function changedRows(artifacts: string): () => Promise<readonly Row[]> {
  let before = '';
  return async () => {
    const found = await lookAt(join(artifacts, 'results.jsonl'), 'results.jsonl');
    const signature = found === null || found === 'folder' ? '' : found.signature;
    if (signature === before) return [];
    before = signature;
    return readRows(artifacts);
  };
}

function rowLine({ run, status, overall, error }: Row): string {
  if (status === 'done') return `${run} done: overall ${overall === null ? 'unknown' : overall.toFixed(1)}`;
  return `${run} ${status}${error === null ? '' : `: ${error.code}, ${error.message}`}`;
}

/** A file is followed by its inode: its name may be another one in accepted/ and rejected/. */
async function outcome({ inode }: Dropped, { inbox }: Workspace): Promise<string> {
  if ((await nameOf(join(inbox, 'accepted'), inode)) !== null) return 'accepted';
  const rejected = join(inbox, 'rejected');
  const name = await nameOf(rejected, inode);
  if (name === null) return 'open';
  return `${join(rejected, name)}:\n${await readFile(join(rejected, `${name}.reasons.txt`), 'utf8')}`;
}

async function nameOf(folder: string, inode: string): Promise<string | null> {
  const names = await listNames(folder);
  for (const name of names) {
    const found = await lookAt(join(folder, name), name);
    if (found !== null && found !== 'folder' && found.signature.startsWith(`${inode}:`)) return name;
  }
  return null;
}

/** `phasebox submit FILE... [--watch] [--again]` */
export const registerSubmit: Register = (program, exit) => {
  documented(program.command('submit'), {
    does: 'Check configs and put them into the inbox',
    notes: [
      'All files are submitted, or none if one is not valid. It works with and without a running `phasebox up`. The runs start in the order of the files.',
    ],
    examples: ['phasebox submit 43a.yaml 43b.yaml', 'phasebox submit --again 43a.yaml'],
    exits: {
      0: 'all files were submitted; with --watch, all runs are done',
      1: 'with --watch: a run failed',
      2: 'a config is not valid, and nothing was submitted',
      3: 'this folder is not a workspace, or the environment is not ready',
    },
  })
    .argument('<file...>', 'configs, run in this order')
    .option('--watch', 'wait until every run of the files is finished', false)
    .option('--again', 'run every seed of the files once more', false)
    .action(async (files: string[], options: Pick<SubmitOptions, 'watch' | 'again'>, command) => {
      const workspace = await workspaceOf(command, 'write');
      const read = planReader(openLookups({ ...workspace, python: () => findPython(workspace), pythonOptional: true }));
      const out = (line: string): void => print(`${line}\n`);
      exit(await submit(files, { ...options, workspace, read, out, err: printError }));
    });
};
