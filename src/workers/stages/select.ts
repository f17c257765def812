import { basename, dirname, join } from 'node:path';
import { StageError } from '../../core/errors.ts';
import { bestOf, type Measure } from '../../core/select/choose.ts';
import { files } from '../../events/stages/mlx.ts';
import { candidateFolder } from '../../events/stages/select.ts';
import { type Choices, type Measurement, measureLosses, type Saved } from './select-by-loss.ts';
import { scoreCandidates } from './select-by-suite.ts';
import type { Input, Stage, StageContext } from './stage.ts';

/** Every checkpoint that the training saved, verified to be complete. Throws MISSING_INPUT, INPUT_CHANGED. */
async function choicesOf(train: Input<'train'>, context: StageContext): Promise<Choices> {
  const adapter = join(train.folder, train.made.adapter);
  const there = await context.list(adapter);
  const saved: Saved[] = [];
  for (const { iteration, file } of train.made.checkpoints) {
    const name = basename(file);
    if (!there.includes(name)) {
      const why = 'it was removed, by a cleanup with keep_checkpoints: selected or by `phasebox gc`';
      throw new StageError('MISSING_INPUT', `checkpoint ${iteration} in ${adapter}: ${why}`);
    }
    await context.proveInput(join(adapter, name));
    saved.push({ iteration, file: name, sha256: await context.hash(join(adapter, name)) });
  }
  for (const { iteration, sha256 } of saved) context.input(`checkpoint-${iteration}`, sha256);
  return { adapter, saved, valShare: train.made.profile?.val_share ?? null };
}

function figureOf({ select, eval: evaluation }: StageContext['run']['settings']): Measure {
  if (select.by === 'val_loss') return 'val_loss';
  return evaluation.score_by === 'strict' ? 'strict' : 'overall';
}

function measure(choices: Choices, context: StageContext): Promise<Measurement> {
  const { by } = context.run.settings.select;
  if (by === 'last')
    throw new StageError('INTERNAL', `run ${context.run.run} takes its last checkpoint: no select stage`);
  return by === 'suite' ? scoreCandidates(choices, context) : measureLosses(choices, context);
}

/** With one checkpoint there is nothing to choose, so no hours are spent on its figures. */
function unmeasured({ iteration }: Saved, context: StageContext): Measurement {
  const { by } = context.run.settings.select;
  context.warn(`select.by: ${by} had nothing to choose: the training saved one checkpoint (train.save_every, iters)`);
  const candidates = [{ iteration, overall: null, strict: null, val_loss: null }];
  const none = { suite_sha256: null, prompts: null, same_suite: false, optimism: null };
  return { by: by === 'suite' ? 'suite' : 'val_loss', candidates, ...none };
}

/** Leaves `adapter/` with one checkpoint (absolute path of its weights). */
async function takeAdapter(weights: string, context: StageContext): Promise<void> {
  await context.remove(files.adapter);
  await context.copy(join(dirname(weights), files.adapterConfig), join(files.adapter, files.adapterConfig));
  await context.copy(weights, join(files.adapter, files.weights));
}

/** Measures every saved checkpoint and leaves `adapter/` with the best one, which all later stages use. */
export const stage: Stage<'select', 'train'> = {
  name: 'select',
  needs: ['train'],
  async run({ train }, context) {
    if (!train) throw new StageError('INTERNAL', `run ${context.run.run} has nothing to choose from: no training`);
    const choices = await choicesOf(train, context);
    const [only, ...others] = choices.saved;
    const measured =
      only !== undefined && others.length === 0 ? unmeasured(only, context) : await measure(choices, context);
    const figure = figureOf(context.run.settings);
    const best = others.length === 0 ? only : bestOf(measured.candidates, figure);
    const chosen = choices.saved.find(({ iteration }) => iteration === best?.iteration);
    if (chosen === undefined) throw new StageError('NAN_LOSS', `no checkpoint has a ${figure} that is a number`);
    await takeAdapter(join(choices.adapter, chosen.file), context);
    for (const { iteration } of choices.saved)
      for (const name of [files.weights, files.adapterConfig])
        await context.remove(join(candidateFolder(iteration), name));
    const taken = await context.hash(join(context.dir, files.adapter, files.weights));
    if (taken !== chosen.sha256) throw new StageError('INPUT_CHANGED', join(choices.adapter, chosen.file));
    context.log(`checkpoint ${chosen.iteration} is used`);
    return { adapter: files.adapter, iteration: chosen.iteration, ...measured };
  },
  async verify(made, context) {
    const folder = join(context.dir, made.adapter);
    await context.prove(join(folder, files.weights));
    if ((await context.read(join(folder, files.adapterConfig))) === null)
      throw new StageError('OUTPUT_DAMAGED', `${join(folder, files.adapterConfig)}: does not exist`);
  },
};
