import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CommandError } from '../core/errors.ts';
import { type StageName, stageFolder, stageNames } from '../events/stages.ts';
import { readRows } from '../io/artifacts/results-file.ts';
import { openRunStore, type StoredRun } from '../io/artifacts/run-store.ts';
import { ifAbsent } from '../io/disk/files.ts';
import { inParallel } from '../io/disk/in-parallel.ts';
import { ifDamaged } from '../io/disk/own-file.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { documented, oneOf, type Register, runOrPhase, workspaceOf } from './parts/command.ts';
import { findRun } from './parts/find-run.ts';
import { print, printLine, printLog } from './parts/output.ts';

const poll_ms = 200;

/**
 * Prints the logs of a run, stage by stage and attempt by attempt. With `follow`, until the run has its row. Of a phase
 * it takes the run that is active, or else the latest one.
 */
export async function logs(
  workspace: Workspace,
  wanted: { run: string; stage?: StageName | undefined; follow: boolean },
): Promise<void> {
  const stored = await runWithLogs(workspace, wanted.run);
  // By inode, which a file keeps when its attempt is committed and the folder is renamed.
  const shown = new Map<number, number>();
  for (;;) {
    const over = !wanted.follow || (await readRows(workspace.artifacts)).some((row) => row.run === stored.run.run);
    for (const attempted of await attempts(stored)) {
      if (wanted.stage === undefined || attempted.stage === wanted.stage) await printLogs(attempted, shown);
    }
    if (over) return;
    await delay(poll_ms);
  }
}

/** The run of this name, or the run of this phase that worked last. Throws CommandError 2 if there is none. */
async function runWithLogs(workspace: Workspace, name: string): Promise<StoredRun> {
  const runStore = openRunStore(workspace.artifacts);
  await runStore.refresh();
  const own = runStore.all().filter(({ run }) => run.phase === name);
  const stored = runStore.get(name);
  if (stored !== undefined || own.length === 0) return stored ?? (await findRun(workspace, name)).stored;
  const started = await inParallel(own, async (one) => {
    const journal = await runStore.journal(one).catch(ifDamaged([]));
    // Only the lines of a stage: a run that is cancelled before it starts has no logs.
    const last = journal.findLast((line) => 'attempt' in line);
    return last === undefined ? [] : [{ one, at: last.at }];
  });
  const [latest] = started.flat().sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
  if (latest === undefined) throw new CommandError(2, `No run of phase ${name} has started yet, so there are no logs.`);
  printLine(`logs of ${latest.one.run.run}`);
  return latest.one;
}

type Attempted = Awaited<ReturnType<typeof attempts>>[number];

/** Committed ones have no number. */
async function attempts({ folder }: StoredRun) {
  const names = await readdir(folder);
  return stageNames.flatMap((stage) => {
    const prefix = `.${stageFolder(stage)}.a`;
    const tried = names
      .filter((name) => name.startsWith(prefix))
      .map((name) => ({ stage, attempt: Number(name.slice(prefix.length)), folder: join(folder, name) }))
      .sort((a, b) => a.attempt - b.attempt);
    const done = names.includes(stageFolder(stage))
      ? [{ stage, attempt: null, folder: join(folder, stageFolder(stage)) }]
      : [];
    return [...tried, ...done];
  });
}

async function printLogs({ stage, attempt, folder }: Attempted, shown: Map<number, number>): Promise<void> {
  for (const path of await logFiles(folder)) {
    const found = await stat(path).catch(ifAbsent(null));
    if (found === null) continue;
    const from = shown.get(found.ino) ?? 0;
    if (found.size <= from) continue;
    const tool = path.slice(folder.length + 1, -'log.txt'.length).replace(/\/$/, '');
    if (from === 0)
      print(`--- ${stage}${attempt === null ? '' : `, attempt ${attempt}`}${tool === '' ? '' : `: ${tool}`}\n`);
    const range = { start: from, end: found.size - 1, encoding: 'utf8' } as const;
    for await (const part of createReadStream(path, range)) printLog(String(part));
    shown.set(found.ino, found.size);
  }
}

async function logFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(ifAbsent([]));
  const below = entries.filter((entry) => entry.isDirectory()).map((entry) => logFiles(join(folder, entry.name)));
  const own = entries
    .filter((entry) => entry.isFile() && entry.name === 'log.txt')
    .map((entry) => join(folder, entry.name));
  return [...(await Promise.all(below)).flat(), ...own];
}

export const registerLogs: Register = (program) => {
  documented(program.command('logs'), {
    does: 'Print the logs of a run',
    notes: [
      'It prints the logs of all stages and attempts, or of one stage. Of a phase, it prints the logs of the run that is active, or of the latest one.',
    ],
    examples: ['phasebox logs 43a-s0 train -f', 'phasebox logs 43a -f'],
    exits: {
      0: 'the logs are printed',
      2: 'there is no such run, phase or stage, or no run of the phase has started',
      3: 'this folder is not a workspace, or the run is damaged',
    },
  })
    .argument('<run-or-phase>', runOrPhase)
    .argument('[stage]', 'print only the logs of this stage', oneOf(stageNames))
    .option('-f, --follow', 'print new lines until the run is finished', false)
    .action(async (run: string, stage: StageName | undefined, options: { follow: boolean }, command) => {
      await logs(await workspaceOf(command, 'read'), { ...options, run, stage });
    });
};
