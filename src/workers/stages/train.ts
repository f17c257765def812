import { join } from 'node:path';
import * as z from 'zod';
import { asStageError, StageError } from '../../core/errors.ts';
import { changedDefaults } from '../../core/mlx/changed-defaults.ts';
import type { TrainProgress } from '../../core/mlx/train-progress.ts';
import { factsOf, passingState } from '../../core/mlx/training.ts';
import { idleAdapter } from '../../core/run/cost-words.ts';
import { checkReport } from '../../events/data-report.ts';
import { checkpointFile, checkpointIteration, files } from '../../events/stages/mlx.ts';
import type { Command, RunCommand } from '../../events/stages/stage-row.ts';
import { savedIterations } from '../../events/stages/train.ts';
import { type Made, stages } from '../../events/stages.ts';
import { learn } from './learn.ts';
import { placesIn } from './served-model.ts';
import { readOutput, runCommand, type Stage, type StageContext } from './stage.ts';

/** What mlx_lm writes next to the weights: the settings as it understood them. */
const adapterConfig = z.looseObject({ iters: z.int(), save_every: z.int().min(1) });

/** One of the user's own checks: the first that fails ends the run before anything is trained. */
async function preflight(context: StageContext, command: RunCommand): Promise<void> {
  try {
    await runCommand(command, context, { cwd: context.workspace });
  } catch (error) {
    const { code, detail } = asStageError(error);
    // Stopped by phasebox or lost with the machine: that says nothing about the result of the command.
    if (context.signal.aborted || code === 'STOPPED' || code === 'TOOL_LOST') throw error;
    throw new StageError('PREFLIGHT_FAILED', `${command.argv.join(' ')}: ${detail}`, { cause: error });
  }
}

type Checked = Pick<z.infer<typeof checkReport>, 'profile' | 'blind'>;

/** Checks the data with the model's own tokenizer. All reasons not to train are reported at once. */
async function checkData(context: StageContext, command: Command): Promise<Checked> {
  await runCommand(command, context);
  const { profile, stops, warnings, blind } = await readOutput(context, join(context.dir, files.profile), checkReport);
  for (const warning of warnings) context.warn(warning);
  if (stops.length > 0) throw new StageError('BAD_DATA', stops.map((stop) => stop.message).join('; '));
  return { profile, blind };
}

/** Trains. A loss that is not finite may be that of a batch of which the data check has warned. */
async function learnFrom({ blind }: Checked, context: StageContext, command: RunCommand): Promise<TrainProgress> {
  try {
    return await learn(context, command);
  } catch (error) {
    if (!(error instanceof StageError) || error.code !== 'NAN_LOSS' || blind.length === 0) throw error;
    const detail = `${error.detail}. Before the training, the data check warned: ${blind.join('; ')}`;
    throw new StageError('NAN_LOSS', detail, { cause: error });
  }
}

const readAdapterConfig = (context: StageContext): Promise<z.infer<typeof adapterConfig>> =>
  readOutput(context, join(context.dir, files.adapter, files.adapterConfig), adapterConfig);

/** In order, the final weights last: under their own name if the last step was no multiple of save_every. */
async function checkpoints(context: StageContext, last: number): Promise<Made<'train'>['checkpoints']> {
  const names = await context.list(join(context.dir, files.adapter));
  const numbered = names
    .map((name) => ({ iteration: checkpointIteration(name), file: join(files.adapter, name) }))
    .filter((one): one is { iteration: number; file: string } => one.iteration !== null)
    .sort((a, b) => a.iteration - b.iteration);
  const own = numbered.filter(({ iteration }) => iteration <= last);
  // A process that was killed may have come further than the one that resumed and then stopped.
  for (const { iteration, file } of numbered) if (iteration > last) await context.remove(file);
  const complete = own.at(-1)?.iteration === last;
  return complete ? own : [...own, { iteration: last, file: join(files.adapter, files.weights) }];
}

/** Data check, then the training. Leaves `adapter/` with the final weights and every checkpoint. */
export const stage: Stage<'train', never> = {
  name: 'train',
  needs: [],
  async run(_made, context) {
    const { run } = context;
    const [settings, data] = [run.settings.train, run.data];
    if (settings === null || data === null)
      throw new StageError('INTERNAL', `run ${run.run} has no train settings or no data, but a train stage`);
    const steps = stages.train.commands(run, placesIn(context, {}));
    for (const step of steps)
      if (step.does === 'run' && step.name?.startsWith('preflight-') === true) await preflight(context, step);
    context.input('data', await context.hash(data.folder));
    context.input('base', await context.hash(context.baseModel));
    const resumed = settings.resume_adapter_file;
    if (resumed !== undefined) context.input('resume_adapter_file', await context.hash(resumed));
    let checked: Checked = { profile: null, blind: [] };
    let last: TrainProgress | null = null;
    for (const step of steps) {
      if (step.does === 'write') await runCommand(step, context);
      else if (step.does === 'run' && step.name === 'check') checked = await checkData(context, step);
      else if (step.does === 'run' && step.name === undefined) last = await learnFrom(checked, context, step);
    }
    const used = await readAdapterConfig(context);
    const training = factsOf(await context.read(join(context.dir, files.progress)));
    const iters = training?.stopped?.iteration ?? used.iters;
    const changed = changedDefaults(run, used);
    if (changed !== null) context.warn(changed);
    if (await context.addsNothing(join(context.dir, files.adapter, files.weights))) context.warn(idleAdapter);
    return {
      adapter: files.adapter,
      checkpoints: await checkpoints(context, iters),
      iterations: iters,
      train_loss: last?.loss ?? null,
      val_loss: last?.val_loss ?? null,
      profile: checked.profile,
      warm_restart: resumed !== undefined,
      training,
    };
  },
  async verify(made, context) {
    const { save_every } = await readAdapterConfig(context);
    const weights = join(context.dir, files.adapter, files.weights);
    await context.prove(weights);
    const { iterations: iters } = made;
    for (const iteration of savedIterations({ iters, save_every })) {
      if (made.checkpoints.some((one) => one.iteration === iteration)) continue;
      throw new StageError('OUTPUT_DAMAGED', `${join(files.adapter, checkpointFile(iteration))}: does not exist`);
    }
    for (const { file } of made.checkpoints) await context.prove(join(context.dir, file));
    const last = made.checkpoints.at(-1);
    if (last && (await context.hash(join(context.dir, last.file))) !== (await context.hash(weights))) {
      const problem = `${files.weights} does not have the weights of ${last.file}, the last one saved`;
      throw new StageError('OUTPUT_DAMAGED', problem);
    }
    // Not before the outputs are whole: until then, the next attempt may need them.
    await context.held(passingState(await context.read(join(context.dir, files.progress))));
    await context.remove(files.states);
    // A pause that was asked for after the last iteration.
    await context.remove(files.pause);
  },
};
