import { join } from 'node:path';
import { DamagedFile } from '../core/errors.ts';
import { plural, sizeText } from '../core/format.ts';
import { readAnswers } from '../core/score/answers.ts';
import { stageFolder, stageNames } from '../events/stages.ts';
import { readPhaseRecord } from '../io/artifacts/phase-store.ts';
import { readResults } from '../io/artifacts/results-file.ts';
import { subfolders } from '../io/artifacts/run-folder.ts';
import { openRunStore, type RunStore, type StoredRun, sharedFolder } from '../io/artifacts/run-store.ts';
import { type StageCheck, verifyOutputs, verifyStage } from '../io/artifacts/verify-stage.ts';
import { listNames, readText } from '../io/disk/files.ts';
import { damageOf, ifDamaged } from '../io/disk/own-file.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { readSharedManifest } from '../workers/attempt/shared-folder.ts';
import { leftOutText } from '../workers/queue/report-store.ts';
import { readBaseFile } from '../workers/stages/base-score.ts';
import { documented, type Register, workspaceOf } from './parts/command.ts';
import { missingRun } from './parts/find-run.ts';
import { printLine } from './parts/output.ts';

/** One committed stage, or the score of a base model. */
interface Checked {
  readonly name: string;
  readonly check: StageCheck;
  readonly remedy: string;
}

export interface VerifyOptions {
  /** If absent, all runs and the scores of base models. */
  readonly run?: string | undefined;
  readonly deep: boolean;
  readonly out: (line: string) => void;
}

/** Prints a line for each committed stage. Returns how many are damaged. Throws CommandError 2 (unknown run). */
export async function verify(workspace: Workspace, { run, deep, out }: VerifyOptions): Promise<number> {
  const runStore = openRunStore(workspace.artifacts);
  await runStore.refresh();
  const wanted = run === undefined ? undefined : runStore.get(run);
  if (run !== undefined && wanted === undefined) throw missingRun(runStore, run);
  const runs = wanted === undefined ? runStore.all() : [wanted];
  const all: Checked[] = [];
  const report = (checked: Checked): void => {
    all.push(checked);
    for (const line of linesOf(checked)) out(line);
  };
  for (const stored of runs) for await (const checked of runFilesOf(runStore, stored, deep)) report(checked);
  const stages = all.length;
  let bases = 0;
  if (wanted === undefined) {
    for await (const checked of ownFilesOf(workspace.artifacts, runStore)) report(checked);
    for await (const checked of basesOf(workspace.artifacts, deep)) {
      bases += 1;
      report(checked);
    }
  }
  const damages = all.filter(({ check }) => check.problems.length > 0).length;
  const bytes = all.reduce((sum, { check }) => sum + check.bytes, 0);
  const others = bases === 0 ? '' : ` and ${plural(bases, 'base score')}`;
  const of = `${plural(stages, 'finished stage')} (of ${plural(runs.length, 'run')})${others}, ${sizeText(bytes)} in total`;
  out(damages === 0 ? `${of}: all complete` : `${of}: ${damages} damaged`);
  return damages;
}

const damaged = (name: string, problem: string, remedy: string): Checked => ({
  ...{ name, remedy },
  check: { problems: [problem], touched: [], files: 0, bytes: 0, removedAt: null },
});

/** The journal, if it cannot be read, and each committed stage. */
async function* runFilesOf(runStore: RunStore, stored: StoredRun, deep: boolean): AsyncGenerator<Checked> {
  const { run, folder } = stored;
  const error = await runStore.journal(stored).then(() => null, damageOf);
  if (error !== null) yield damaged(run.run, error.message, 'see above');
  const names = await listNames(folder);
  for (const stage of stageNames) {
    if (!names.includes(stageFolder(stage))) continue;
    const check = await verifyStage(join(folder, stageFolder(stage)), { deep });
    const remedy = `\`phasebox retry ${run.run} --stage ${stage}\` makes it again`;
    yield { name: `${run.run} ${stage}`, check, remedy };
  }
}

/** Files of phasebox that belong to no stage, if they cannot be read. Complete files have no line. */
async function* ownFilesOf(artifacts: string, runStore: RunStore): AsyncGenerator<Checked> {
  for (const left of runStore.leftOut())
    if (left.kind === 'damaged') yield damaged(left.run, left.why, 'see above');
    else yield damaged(left.folder, leftOutText(left), 'move it out of artifacts/, or delete it');
  for (const name of (await subfolders(artifacts)).sort()) {
    const error = await readPhaseRecord(join(artifacts, name)).then(() => null, damageOf);
    if (error !== null) yield damaged(`phase ${name}`, error.message, 'see above');
  }
  const results = await readResults(artifacts).catch(damageOf);
  if (results instanceof DamagedFile) yield damaged('results.jsonl', results.message, 'see above');
  else
    for (const { line, why } of results.damaged)
      yield damaged('results.jsonl', `line ${line}: ${why}`, 'the next row moves it to results.jsonl.damaged');
}

async function* basesOf(artifacts: string, deep: boolean): AsyncGenerator<Checked> {
  for (const key of (await listNames(sharedFolder(artifacts, ''))).sort()) {
    if (key.startsWith('.')) continue;
    const folder = sharedFolder(artifacts, key);
    const check = await verifyBase(folder, deep);
    yield { name: `base score ${key}`, check, remedy: `remove ${folder}: it is measured again when a run needs it` };
  }
}

/** Null if it does not exist, or is not a file. */
const textOf = (path: string): Promise<string | null> => readText(path).catch(ifDamaged(null));

/** The score of a base model: unchanged, readable, and its answers as well. */
async function verifyBase(folder: string, deep: boolean): Promise<StageCheck> {
  const path = (name: string): string => join(folder, name);
  const [manifest, score, answers] = await Promise.all([
    textOf(path('manifest.json')).then(readSharedManifest),
    textOf(path('score.json')),
    textOf(path('answers.jsonl')),
  ]);
  const found = await verifyOutputs(folder, manifest?.outputs ?? [], deep);
  const unreadable = [
    ...(manifest === null ? [`${path('manifest.json')} is gone or cannot be read`] : []),
    ...(readBaseFile(score) === null ? [`${path('score.json')} is gone or cannot be read`] : []),
    ...(answers === null ? [`${path('answers.jsonl')} is gone or cannot be read`] : []),
    ...readAnswers(answers ?? '').problems.map(({ line, what }) => `${path('answers.jsonl')}:${line} ${what}`),
  ];
  return { ...found, problems: [...new Set([...found.problems, ...unreadable])], removedAt: null };
}

function linesOf({ name, check, remedy }: Checked): string[] {
  const { problems, touched, files, bytes, removedAt } = check;
  if (problems.length > 0)
    return [`${name}: DAMAGED`, ...problems.map((problem) => `    ${problem}`), `    what to do: ${remedy}`];
  const removed = removedAt === null ? [] : [`others removed on ${removedAt.slice(0, 10)}`];
  const copied =
    touched.length === 0 ? [] : [`${plural(touched.length, 'file')} touched or copied, with the same content`];
  return [`${name}: ${[`complete, ${plural(files, 'file')}, ${sizeText(bytes)}`, ...removed, ...copied].join('; ')}`];
}

export const registerVerify: Register = (program, exit) => {
  documented(program.command('verify'), {
    does: 'Check that the files of finished stages are intact',
    notes: [
      'It checks manifests, file sizes, safetensors headers and shards. If you name no run, it checks all runs, the scores of base models, and the files that phasebox keeps outside the stage folders (such as `results.jsonl`), and it looks for copies of run folders.',
    ],
    examples: ['phasebox verify', 'phasebox verify 43a-s0 --deep'],
    exits: {
      0: 'everything is complete',
      1: 'something is damaged',
      2: 'there is no such run',
      3: 'this folder is not a workspace, or the run that you named is `damaged` (its `run.json` or journal cannot be read)',
    },
  })
    .argument('[run]', 'a run, such as 43a-s0 (default: all)')
    .option('--deep', 'also read every byte and compare hashes', false)
    .action(async (run: string | undefined, options: { deep: boolean }, command) => {
      const damaged = await verify(await workspaceOf(command, 'read'), { ...options, run, out: printLine });
      exit(damaged > 0 ? 1 : 0);
    });
};
