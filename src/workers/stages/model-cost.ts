import { join } from 'node:path';
import * as z from 'zod';
import { asStageError } from '../../core/errors.ts';
import { costAnswers } from '../../core/run/cost-answers.ts';
import { costWarnings } from '../../core/run/cost-words.ts';
import { adapterFiles, fusedAdapter } from '../../core/run/lineage.ts';
import { readAnswers } from '../../core/score/answers.ts';
import { type Cost, cost } from '../../events/cost.ts';
import { costCommand } from '../../events/stages/eval.ts';
import { files } from '../../events/stages/mlx.ts';
import { completeTrain } from '../../events/stages/train.ts';
import type { EvalSetup } from './ask-suite.ts';
import { type Makings, partsOf } from './served-model.ts';
import { readOutput, runCommand, type StageContext } from './stage.ts';

/** The output of python/model_cost.py: the figures, and facts about its own work. */
const report = z.object(cost.shape);

/**
 * What fusing and quantizing cost the run's adapter, measured when all answers (absolute path of answers.jsonl) exist.
 * Null if nothing was fused, or `eval.cost` is false. A failure must not fail the run: it is a warning, and null.
 */
export async function measureCost(
  context: StageContext,
  made: Makings,
  { setup, file }: { readonly setup: EvalSetup; readonly file: string },
): Promise<Cost | null> {
  const fused = fusedAdapter(partsOf(made, context));
  if (fused === null || !setup.settings.cost) return null;
  const adapter = adapterFiles(fused.adapter);
  try {
    await writeAnswers(context, setup, file);
    context.input('base', await context.hash(context.baseModel));
    context.input('adapter', await context.hash(adapter.weights));
    const [data, train] = [await dataOf(context), completeTrain(context.run)];
    const call = { adapter: adapter.folder, weights: adapter.file, final: fused.final, data, train };
    await runCommand(costCommand(call, context), context, { onLine: (line) => context.log(line) });
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

/** Written once: a tool that was resumed after a restart may be reading it. */
async function writeAnswers(context: StageContext, { suite, settings }: EvalSetup, file: string): Promise<void> {
  const { answers } = readAnswers((await context.read(file)) ?? '');
  const text = costAnswers(suite, settings, answers);
  if ((await context.read(join(context.dir, files.costAnswers))) !== text) await context.write(files.costAnswers, text);
}
