import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readSuite } from '../core/config/read-suite.ts';
import { readLogLine } from '../core/mlx/mlx-log.ts';
import { trainProgress } from '../core/mlx/train-progress.ts';
import type { Run } from '../events/run.ts';
import { attemptFolder, type StageName } from '../events/stages.ts';
import { readText } from '../io/disk/files.ts';
import { followLog } from '../io/tool/follow-log.ts';
import type { Progress } from '../workers/stage.ts';

/** How far the attempt is that works in a run's folder, read off its files, so that no `up` needs to be asked. */
export async function liveProgress(
  folder: string,
  run: Run,
  at: { stage: StageName; attempt: number },
): Promise<Progress | null> {
  const dir = join(folder, attemptFolder(at.stage, at.attempt));
  if (at.stage === 'train') return training(dir, run);
  if (at.stage === 'eval') return answering(dir, run);
  return null;
}

async function training(dir: string, run: Run): Promise<Progress | null> {
  const advance = trainProgress(run.settings.train?.iters ?? null);
  let told: Progress | null = null;
  await followLog(join(dir, 'log.txt'), Promise.resolve(), (line) => {
    const event = readLogLine(line);
    if (event === null) return;
    const { iteration, of, loss } = advance(event, 0);
    told = { iteration, of, loss, eta_s: null };
  });
  return told === null ? null : withEta(told, join(dir, 'command.json'));
}

async function answering(dir: string, run: Run): Promise<Progress | null> {
  const answers = await readText(join(dir, 'answers.jsonl'));
  if (answers === null) return null;
  const path = run.settings.eval.suite;
  const suite = readSuite((await readText(path)) ?? '', path);
  const of = 'suite' in suite ? suite.suite.prompts.length * run.settings.eval.repeats : null;
  return withEta(
    { iteration: answers.split('\n').length - 1, of, loss: null, eta_s: null },
    join(dir, 'answers.jsonl'),
  );
}

/** The log has no times of its own: what is left is told from the mean speed since the file `startedAt` was made. */
async function withEta(progress: Progress, startedAt: string): Promise<Progress> {
  const { iteration, of } = progress;
  const started = await stat(startedAt).catch(() => null);
  if (started === null || of === null || !iteration) return progress;
  const seconds = (Date.now() - started.birthtimeMs) / 1000;
  return { ...progress, eta_s: Math.round((seconds / iteration) * (of - iteration)) };
}
