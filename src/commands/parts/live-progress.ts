import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { openCourse, trainPlan } from '../../core/mlx/train-progress.ts';
import { trainingSteps } from '../../core/mlx/training.ts';
import { evalLeft, readCostLine } from '../../core/run/eval-progress.ts';
import { readAnswers } from '../../core/score/answers.ts';
import { readLossLine } from '../../core/select/loss-log.ts';
import { answersLeft } from '../../core/slope.ts';
import type { Run } from '../../events/run.ts';
import { measuresCost } from '../../events/stages/eval.ts';
import { files } from '../../events/stages/mlx.ts';
import { candidateFolder } from '../../events/stages/select.ts';
import { completeTrain, savedIterations } from '../../events/stages/train.ts';
import { type StageName, stages } from '../../events/stages.ts';
import { readManifest } from '../../io/artifacts/run-folder.ts';
import { sharedFolder } from '../../io/artifacts/run-store.ts';
import { readTraining } from '../../io/artifacts/training-files.ts';
import { listNames, readText } from '../../io/disk/files.ts';
import { promptsIn } from '../../io/thread/off-thread.ts';
import { followLog } from '../../io/tool/follow-log.ts';
import type { Progress } from '../../workers/stages/stage.ts';

/** The progress of an attempt, read from the files in its folder, so that no running `up` is needed. */
export async function liveProgress(dir: string, run: Run, stage: StageName): Promise<Progress | null> {
  if (stage === 'train') return training(dir, run);
  if (stage === 'select') return choosing(dir, run);
  return stage === 'eval' ? answering(dir, run) : null;
}

/** By suite: the answers of all checkpoints. By loss: the output of the tool. */
async function choosing(dir: string, run: Run): Promise<Progress | null> {
  const { by, suite: path, prompts } = run.settings.select;
  if (by === 'val_loss' || path === undefined) return measuring(dir);
  const saved = await savedOf(dir, run);
  const texts = await Promise.all(
    saved.map((iteration) => readText(join(dir, candidateFolder(iteration), 'answers.jsonl'))),
  );
  const taken = texts.map((text) => secondsOf(text ?? ''));
  const counts = taken.map(({ length }) => length);
  const each = prompts ?? (await promptsIn(path));
  const of = each === null ? null : each * run.settings.eval.repeats * saved.length;
  const at = counts.findLastIndex((count) => count > 0);
  if (at < 0) return null;
  const iteration = counts.reduce((sum, count) => sum + count, 0);
  const part = `checkpoint ${saved[at]}, ${at + 1} of ${saved.length}`;
  return { iteration, of, loss: null, eta_s: timeLeft(taken.flat(), of, run), part };
}

/** The checkpoints to choose from. A training that stopped early has saved fewer than planned. */
async function savedOf(dir: string, run: Run): Promise<number[]> {
  const made = stages.train.makes.safeParse((await readManifest(dirname(dir), 'train').catch(() => null))?.made);
  if (made.success) return made.data.checkpoints.map(({ iteration }) => iteration);
  const train = completeTrain(run);
  return train === null ? [] : savedIterations(train);
}

async function measuring(dir: string): Promise<Progress | null> {
  const latest = await logged(join(dir, files.loss), (line) => {
    const progress = readLossLine(line);
    return progress === null ? null : { ...progress, loss: null, eta_s: null };
  });
  return latest === null ? null : withEta(latest, join(dir, files.loss, 'command.json'));
}

async function training(dir: string, run: Run): Promise<Progress | null> {
  const steps = trainingSteps(await readTraining(dir));
  const course = openCourse(trainPlan(run));
  for (const step of steps) course.take(step);
  const { iteration, of, loss, eta_s, part } = course.progress();
  return steps.length === 0 ? null : { iteration, of, loss, eta_s, ...(part === null ? {} : { part }) };
}

/** What the last line of a tool's log says of its progress. */
async function logged(dir: string, read: (line: string) => Progress | null): Promise<Progress | null> {
  let latest: Progress | null = null;
  await followLog(join(dir, 'log.txt'), Promise.resolve(), (line) => {
    latest = read(line) ?? latest;
  });
  return latest;
}

async function answering(dir: string, run: Run): Promise<Progress | null> {
  const started = join(dir, files.cost, 'command.json');
  if ((await readText(started)) !== null) return measuringCost(dir, started);
  // An engine writes all results at once, and shows its progress only in its own log.
  if (run.settings.eval.engine !== undefined) return null;
  const isBase = (await isThere(join(dir, 'base'))) && !(await isThere(join(dir, 'server')));
  const answers = await readText(isBase ? await baseAnswers(dir) : join(dir, 'answers.jsonl'));
  if (answers === null) return null;
  const prompts = await promptsIn(run.settings.eval.suite);
  const of = prompts === null ? null : prompts * run.settings.eval.repeats;
  const taken = secondsOf(answers);
  const [left, each] = [timeLeft(taken, of, run), answersLeft(taken, 1, run.settings.eval.concurrency)];
  const later = { answers: isBase, cost: measuresCost(run) };
  const eta_s = left === null || each === null || of === null ? null : Math.round(evalLeft({ left, each, of }, later));
  return { iteration: taken.length, of, loss: null, eta_s, doing: isBase ? 'base' : 'answers' };
}

const isThere = async (folder: string): Promise<boolean> => (await stat(folder).catch(() => null)) !== null;

/** The answers of the base that is being scored, in a folder that runs share: the latest that is not committed. */
async function baseAnswers(dir: string): Promise<string> {
  const bases = sharedFolder(resolve(dir, '../../..'), '');
  const open = (await listNames(bases)).filter((name) => name.startsWith('.'));
  const paths = open.map((name) => join(bases, name, 'answers.jsonl'));
  const times = await Promise.all(paths.map(async (path) => (await stat(path).catch(() => null))?.mtimeMs ?? 0));
  return paths[times.indexOf(Math.max(...times))] ?? join(dir, 'none');
}

async function measuringCost(dir: string, started: string): Promise<Progress> {
  const begun = { iteration: 0, of: 100, loss: null, eta_s: null, doing: 'cost' } as const;
  const latest = await logged(join(dir, files.cost), (line) => {
    const percent = readCostLine(line);
    return percent === null ? null : { ...begun, iteration: percent };
  });
  return withEta(latest ?? begun, started);
}

/** The time of each answer. A line that is not whole yet is none. */
const secondsOf = (answers: string): number[] => readAnswers(answers).answers.map(({ seconds }) => seconds);

const timeLeft = (taken: readonly number[], of: number | null, { settings }: Run): number | null =>
  of === null ? null : answersLeft(taken, of - taken.length, settings.eval.concurrency);

/** The log of val_loss.py has no times: the mean speed since the file `startedAt` was made. */
async function withEta(progress: Progress, startedAt: string): Promise<Progress> {
  const { iteration, of } = progress;
  const started = await stat(startedAt).catch(() => null);
  if (started === null || of === null || !iteration) return progress;
  const seconds = (Date.now() - started.birthtimeMs) / 1000;
  return { ...progress, eta_s: Math.round((seconds / iteration) * (of - iteration)) };
}
