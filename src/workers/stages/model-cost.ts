import { join } from 'node:path';
import * as z from 'zod';
import { asStageError } from '../../core/errors.ts';
import { costAnswers } from '../../core/run/cost-answers.ts';
import { costWarnings } from '../../core/run/cost-words.ts';
import { readCostLine } from '../../core/run/eval-progress.ts';
import { adapterFiles, fusedAdapter } from '../../core/run/lineage.ts';
import { openSlope } from '../../core/slope.ts';
import { type Cost, cost } from '../../events/cost.ts';
import { costCommand, costSeconds } from '../../events/stages/eval.ts';
import { files } from '../../events/stages/mlx.ts';
import { completeTrain } from '../../events/stages/train.ts';
import type { Answer } from '../../events/suite.ts';
import type { EvalSetup } from './ask-suite.ts';
import { type Makings, partsOf } from './served-model.ts';
import { readOutput, runCommand, type StageContext } from './stage.ts';

/** The output of python/model_cost.py: the figures, and facts about its own work. */
const report = z.object(cost.shape);

/** Whether something was fused of which the cost is measured. */
export const hasCost = (made: Makings, context: StageContext): boolean => fusedIn(made, context) !== null;

const fusedIn = (made: Makings, context: StageContext) =>
  context.run.settings.eval.cost ? fusedAdapter(partsOf(made, context)) : null;

interface Answered {
  readonly setup: EvalSetup;
  /** Null with an engine. */
  readonly answers: readonly Answer[] | null;
}

/**
 * What fusing and quantizing cost the run's adapter, measured when all answers exist. Null if nothing was fused, or
 * `eval.cost` is false. A failure must not fail the run: it is a warning, and null.
 */
export async function measureCost(context: StageContext, made: Makings, answered: Answered): Promise<Cost | null> {
  const fused = fusedIn(made, context);
  if (fused === null) return null;
  const adapter = adapterFiles(fused.adapter);
  try {
    await writeAnswers(context, answered);
    context.input('base', await context.hash(context.baseModel));
    context.input('adapter', await context.hash(adapter.weights));
    const [data, train] = [await dataOf(context), completeTrain(context.run)];
    const seconds = secondsFor(answered);
    const call = { adapter: adapter.folder, weights: adapter.file, final: fused.final, data, train, seconds };
    await runCommand(costCommand(call, context), context, { onLine: progressOf(context) });
    const found = await readOutput(context, join(context.dir, files.cost, `${files.cost}.json`), report);
    for (const warning of costWarnings(found)) context.warn(warning);
    return found;
  } catch (error) {
    if (context.signal.aborted || asStageError(error).code === 'STOPPED') throw error;
    context.warn(`what fusing and quantizing cost could not be measured: ${asStageError(error).message}`);
    return null;
  }
}

/** The folder with valid.jsonl. Null if the run has no data of its own, or if the file is gone. */
async function dataOf(context: StageContext): Promise<string | null> {
  const folder = context.run.data?.folder;
  if (folder === undefined) return null;
  const rows = join(folder, 'valid.jsonl');
  if ((await context.read(rows)) === null) {
    context.warn(`${rows} no longer exists, so what fusing cost in loss was not measured`);
    return null;
  }
  context.input('valid', await context.hash(rows));
  return folder;
}

/** So long it may take in any case: a small model is measured as a whole, and a minute is not worth less. */
const leastSeconds = 60;

/**
 * How long the measurement may take, by how long the answers took. By their own times, so that a restart changes nothing.
 * An engine gives no times.
 */
function secondsFor({ setup, answers }: Answered): number {
  const taken = (answers ?? []).reduce((sum, { seconds }) => sum + seconds, 0);
  return Math.max(leastSeconds, Math.round(costSeconds(taken / setup.settings.concurrency)));
}

/** Reports the share that is done, and logs the other lines. */
function progressOf(context: StageContext): (line: string) => void {
  const seconds = (): number => performance.now() / 1000;
  const left = openSlope({ done: 0, at: seconds() });
  return (line) => {
    const percent = readCostLine(line);
    if (percent === null) return context.log(line);
    const eta_s = left({ done: percent, at: seconds() }, 100);
    context.progress({ iteration: percent, of: 100, loss: null, eta_s, doing: 'cost' });
  };
}

/** Written once: a tool that was resumed after a restart may be reading it. */
async function writeAnswers(context: StageContext, { setup, answers }: Answered): Promise<void> {
  const text = costAnswers(setup.suite, setup.settings, answers ?? []);
  if ((await context.read(join(context.dir, files.costAnswers))) !== text) await context.write(files.costAnswers, text);
}
