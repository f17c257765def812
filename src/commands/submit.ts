import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { maxConfigBytes } from '../core/config/read-yaml.ts';
import { CommandError, messageOf } from '../core/errors.ts';
import { rowLine } from '../core/run/row-words.ts';
import type { RequestAnswer, Submission, SubmissionResult, SubmittedFile } from '../events/request.ts';
import type { Row } from '../events/row.ts';
import { readRows } from '../io/artifacts/results-file.ts';
import { openRunStore } from '../io/artifacts/run-store.ts';
import { mostSubmittedBytes } from '../io/claim/requests.ts';
import { hasCode } from '../io/disk/files.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { lookAt, readContent } from '../producers/look.ts';
import { openNightReader } from '../workers/queue/night.ts';
import { askOwner } from './parts/ask.ts';
import { documented, type Register, workspaceOf } from './parts/command.ts';
import { heldAmong } from './parts/held-runs.ts';
import { nightLine, openNight, saidNight } from './parts/night.ts';
import { printError, printLine } from './parts/output.ts';

export interface SubmitOptions {
  readonly workspace: Pick<Workspace, 'config' | 'artifacts'>;
  /** The sum of the night, with the files. Null if no run is left. */
  readonly night?: () => Promise<string | null>;
  readonly send: (submission: Submission) => Promise<RequestAnswer>;
  /** Every seed of the files once more. */
  readonly again: boolean;
  /** Wait until every run of the files has its row. */
  readonly watch: boolean;
  readonly out: (line: string) => void;
  readonly err: (text: string) => void;
  /** Stops the waiting of `watch`, which then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Submits all files in this order, or none. Returns the exit code (see `exits`). Throws errors of the disk. */
export async function submit(paths: readonly string[], options: SubmitOptions): Promise<number> {
  const { send, again, watch, out, err } = options;
  const files: SubmittedFile[] = [];
  for (const path of paths) files.push(await readGiven(path));
  if (files.reduce((bytes, file) => bytes + file.bytes.length, 0) > mostSubmittedBytes)
    throw new CommandError(2, `These files have more than ${mostSubmittedBytes / 1e6} MB. Submit them in parts.`);
  const answer = await send({ kind: 'submit', again, files });
  if (answer.kind !== 'submitted') {
    for (const reasons of answer.kind === 'refused' ? answer.reasons : []) err(reasons);
    err('Nothing was submitted.\n');
    return 2;
  }
  const code = report(answer.files, options);
  const text = (await options.night?.()) ?? null;
  if (text !== null) out(nightLine(text));
  if (code !== 0 || !watch) return code;
  if (answer.files.some(({ state }) => state === 'waiting')) return 3;
  const runs = new Set(answer.files.flatMap((file) => file.runs));
  out(
    `waiting for ${runs.size === 1 ? 'a run' : `${runs.size} runs`} of \`phasebox up\` (Ctrl-C ends the waiting only)`,
  );
  return waitForRows(runs, options);
}

async function readGiven(path: string): Promise<SubmittedFile> {
  const name = basename(path);
  const wrong = (problem: string): SubmittedFile => ({ name, bytes: new Uint8Array(), problem: `${problem}\n` });
  try {
    const found = await stat(path);
    if (!found.isFile()) return wrong(`${path}: not a file. Give config files (YAML or JSON).`);
    if (found.size > maxConfigBytes) return wrong(`${path}: ${found.size} bytes; a config has at most 1 MB.`);
    return { name, bytes: (await readContent(path)).bytes, problem: null };
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return wrong(`${path} does not exist`);
    return wrong(`${path}: cannot be read: ${messageOf(error)}`);
  }
}

/** Returns 2 if a file was rejected although it was checked: something changed meanwhile. */
function report(files: readonly SubmissionResult[], { workspace, out, err }: SubmitOptions): 0 | 2 {
  for (const { name, intention, warnings } of files) {
    out(intention);
    for (const warning of warnings) err(`${name}: ${warning}\n`);
  }
  for (const { name, adds, state, path, why } of files) {
    const did = adds ? 'submitted' : 'is already known';
    const shown = join(workspace.config.inbox, path);
    if (state === 'rejected') err(`${shown}:\n${why}`);
    else out(state === 'accepted' ? `${name} ${did} (kept as ${shown})` : `${name} ${did}`);
    if (state === 'waiting') err(`${name} is not accepted yet: ${why}\nIt is kept, and \`phasebox up\` accepts it.\n`);
  }
  return files.some(({ state }) => state === 'rejected') ? 2 : 0;
}

const pollEvery_ms = 200;
/** Every so many polls it looks for held runs, since that reads a file of each run. */
const heldEvery = 5;

async function waitForRows(runs: ReadonlySet<string>, { workspace, out, signal }: SubmitOptions): Promise<number> {
  const open = new Set(runs);
  const newRows = changedRows(workspace.artifacts);
  const runStore = openRunStore(workspace.artifacts);
  let bad = false;
  for (let poll = 1; ; poll++) {
    for (const row of (await newRows()).filter(({ run }) => open.has(run))) {
      open.delete(row.run);
      bad ||= row.status !== 'done';
      out(`${row.run}: ${rowLine(row)}`);
    }
    if (open.size === 0) return bad ? 1 : 0;
    const held = poll % heldEvery === 0 ? await heldAmong(runStore, open) : null;
    if (held !== null && held.size === open.size) {
      for (const [run, why] of held) out(`${run}: ${why}`);
      return 1;
    }
    await setTimeout(pollEvery_ms, undefined, signal === undefined ? {} : { signal });
  }
}

/** All rows if the file changed since the last call, else none. */
function changedRows(artifacts: string): () => Promise<readonly Row[]> {
  let before = '';
  return async () => {
    const found = await lookAt(join(artifacts, 'results.jsonl'), 'results.jsonl');
    const signature = found?.kind === 'file' ? found.signature : '';
    if (signature === before) return [];
    before = signature;
    return readRows(artifacts);
  };
}

export const registerSubmit: Register = (program, exit) => {
  documented(program.command('submit'), {
    does: 'Check configs and queue their runs',
    notes: [
      'If one of the files is not valid, none is submitted. The command works with or without a running `phasebox up`. The runs start in the order of the files. Accepted files are kept in inbox/accepted/.',
    ],
    examples: ['phasebox submit 43a.yaml 43b.yaml', 'phasebox submit --again 43a.yaml'],
    exits: {
      0: 'all files were submitted; with --watch, all runs are done',
      1: 'with --watch: a run failed or was cancelled, or only held runs, and runs that start from them, are left',
      2: 'a config is not valid, and nothing was submitted',
      3: 'this folder is not a workspace, the environment is not ready, or the running `up` has another version or belongs to another user',
    },
  })
    .argument('<file...>', 'configs, run in this order')
    .option('--watch', 'wait until every run of the files is finished', false)
    .option('--again', 'run every seed of the files once more', false)
    .action(async (files: string[], options: Pick<SubmitOptions, 'watch' | 'again'>, command) => {
      const workspace = await workspaceOf(command, 'write');
      const send = (submission: Submission): Promise<RequestAnswer> => askOwner(workspace, submission);
      const night = async (): Promise<string | null> => {
        const place = await openNight(workspace);
        return saidNight(place, await openNightReader(place).night());
      };
      exit(await submit(files, { ...options, workspace, night, send, out: printLine, err: printError }));
    });
};
