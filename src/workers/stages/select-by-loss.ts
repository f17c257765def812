import { join } from 'node:path';
import * as z from 'zod';
import { StageError } from '../../core/errors.ts';
import { isProgressBar } from '../../core/mlx/mlx-log.ts';
import { readLossLine } from '../../core/select/loss-log.ts';
import { openSlope } from '../../core/slope.ts';
import { files } from '../../events/stages/mlx.ts';
import { lossCommand } from '../../events/stages/select.ts';
import { completeTrain } from '../../events/stages/train.ts';
import type { Made } from '../../events/stages.ts';
import { type Facts, pinFacts } from './eval-parts.ts';
import { runCommand, type StageContext } from './stage.ts';

/** A saved checkpoint in the training's adapter folder. */
export interface Saved {
  readonly iteration: number;
  /** Name of its weights in `Choices.adapter`. */
  readonly file: string;
  readonly sha256: string;
}

/** All candidates. */
export interface Choices {
  /** The training's adapter folder, absolute. */
  readonly adapter: string;
  readonly saved: readonly Saved[];
  /** Share of the valid rows (0-1) on which a val loss of the training's log is measured. Null if not known. */
  readonly valShare: number | null;
}

/** The figures of each, in the order of `Choices.saved`, and how they were measured. */
export type Measurement = Omit<Made<'select'>, 'adapter' | 'iteration'>;

/** True if figures of an earlier attempt were removed, since they belong to other facts (the first of `facts`). */
export const pinMeasures = (context: StageContext, facts: readonly Facts[]): Promise<boolean> =>
  pinFacts(context, facts, async () => {
    await context.remove(files.candidates);
    context.log('checkpoints, suite or data changed since the last attempt: everything is measured again');
  });

/** A line of python/val_loss.py for one checkpoint. */
const lossLine = z.object({
  iteration: z.int(),
  loss: z.number().nullable(),
  tokens: z.int(),
  rows: z.int(),
  left_out: z.int(),
});

/** The loss of every checkpoint on all rows of valid.jsonl: always measured, never read from the training's log. */
export async function measureLosses(choices: Choices, context: StageContext): Promise<Measurement> {
  const { adapter, saved, valShare } = choices;
  const { data } = context.run;
  const train = completeTrain(context.run);
  if (train === null || data === null)
    throw new StageError('INTERNAL', `run ${context.run.run} has no train settings or no data to measure a loss on`);
  const inputs = { base: await context.hash(context.baseModel), data: await context.hash(data.folder) };
  for (const [name, hash] of Object.entries(inputs)) context.input(name, hash);
  const { max_seq_length, mask_prompt } = train;
  const { mlx = null, mlx_lm = null } = context.versions;
  const facts = { by: 'val_loss', ...inputs, saved, max_seq_length, mask_prompt, mlx, mlx_lm };
  const fresh = await pinMeasures(context, [facts]);
  const call = { data: data.folder, adapter, checkpoints: saved, settings: train };
  await runCommand(lossCommand(call, context), context, { onLine: follow(context), fresh });
  const lines = await readLosses(context);
  const candidates = saved.map(({ iteration }) => {
    const line = lines.find((one) => one.iteration === iteration);
    if (line === undefined) throw new StageError('OUTPUT_DAMAGED', `${files.losses} has no checkpoint ${iteration}`);
    return { iteration, overall: null, strict: null, val_loss: line.loss };
  });
  const [first] = lines;
  if (first !== undefined && first.left_out > 0)
    context.warn(
      `${first.left_out} of ${first.left_out + first.rows} validation examples are not used for this choice, because max_seq_length cuts off their answers`,
    );
  if (valShare !== null && valShare < 1) {
    const share = `${(100 * valShare).toFixed(0)} %`;
    context.warn(
      `the checkpoint was chosen by its loss on all validation examples; each logged validation loss is measured on ${share} of them`,
    );
  }
  const same = { suite_sha256: null, prompts: null, same_suite: false, optimism: null };
  return { by: 'val_loss', candidates, ...same };
}

function follow(context: StageContext): (line: string) => void {
  let left: ReturnType<typeof openSlope> | null = null;
  return (line) => {
    const progress = readLossLine(line);
    if (progress === null) {
      if (!isProgressBar(line) && !line.startsWith('[WARNING] Some sequences')) context.log(line);
      return;
    }
    const { iteration, of } = progress;
    const reached = { done: iteration, at: performance.now() / 1000 };
    left ??= openSlope(reached);
    context.progress({ ...progress, loss: null, eta_s: left(reached, of) });
  };
}

async function readLosses(context: StageContext): Promise<z.infer<typeof lossLine>[]> {
  const path = join(context.dir, files.candidates, files.losses);
  const text = await context.read(path);
  if (text === null) throw new StageError('OUTPUT_DAMAGED', `${path}: does not exist`);
  try {
    const lines = text.trim().split('\n');
    return lines.map((line) => lossLine.parse(JSON.parse(line)));
  } catch (error) {
    throw new StageError('OUTPUT_DAMAGED', `${path}: was not written by val_loss.py`, { cause: error });
  }
}
