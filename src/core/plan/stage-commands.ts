import { join } from 'node:path';
import { type StageName, stageFolder, stageNames } from '../../events/stages.ts';
import type { RunPlan } from '../config/lookups.ts';
import type { Driver } from '../mlx/drivers.ts';
import { checkpointCount } from '../mlx/estimate.ts';
import {
  candidateFolder,
  checkArgv,
  checkpointFile,
  costArgv,
  files,
  fuseDirectArgv,
  fuseTwoStepArgv,
  layAdapterArgv,
  quantizeArgv,
  savedIterations,
  trainArgv,
  trainYaml,
  valLossArgv,
} from '../mlx/mlx-argv.ts';

/** A run as far as its commands go. */
export type CommandRun = RunPlan & { readonly seed: number; readonly preflight: readonly (readonly string[])[] };

/** Where things lie when the commands run. */
export interface Places {
  readonly python: string;
  driver(name: Driver): string;
  /** Folder of the base model, and the model as train.yaml names it. */
  readonly model: string;
  readonly modelName: string;
  /** Folder of a run. */
  run(id: string): string;
  /** Runs that others start from. */
  readonly plans: ReadonlyMap<string, RunPlan>;
}

/** What one stage does: in `folder`, with these files beside it, these commands in order. */
export interface StageCommands {
  readonly stage: StageName;
  readonly folder: string;
  readonly files: readonly { readonly name: string; readonly text: string }[];
  readonly commands: readonly (readonly string[])[];
}

/** The model that a run judges; `adapter`: served on top of it. */
export interface Judged {
  readonly model: string;
  readonly adapter: string | null;
}

/** `mlx_lm server` through python/serve.py. */
export function serveArgv(places: Pick<Places, 'python' | 'driver'>, judged: Judged, port: string): string[] {
  const adapter = judged.adapter === null ? [] : ['--adapter-path', judged.adapter];
  const address = ['--host', '127.0.0.1', '--port', port];
  return [places.python, places.driver('serve'), '--model', judged.model, ...adapter, ...address];
}

/** The folder of a stage, of the run itself or of the one it comes from; null: nobody made it. */
function madeIn(run: RunPlan, stage: StageName, places: Places): string | null {
  if (run.chain.includes(stage)) return join(places.run(run.run), stageFolder(stage));
  const { from } = run;
  // What the source did after the branching is not this run's.
  if (from === null || !('run' in from) || stageNames.indexOf(stage) > stageNames.indexOf(from.after)) return null;
  const source = places.plans.get(from.run);
  return source === undefined ? null : madeIn(source, stage, places);
}

interface Adapter {
  readonly folder: string;
  readonly checkpoint: number | null;
}

function adapterOf(run: RunPlan, places: Places): Adapter {
  const trained = madeIn(run, 'select', places) ?? madeIn(run, 'train', places);
  if (trained !== null) return { folder: join(trained, files.adapter), checkpoint: null };
  const { from } = run;
  if (from !== null && 'adapter' in from) return { folder: from.adapter, checkpoint: from.checkpoint };
  const source = from !== null && 'run' in from ? places.plans.get(from.run) : undefined;
  if (source === undefined) throw new Error(`run ${run.run} has no adapter`);
  return adapterOf(source, places);
}

/** What the eval stage serves: the last model made, else the base with the adapter. */
export function judgedModel(run: RunPlan, places: Places): Judged {
  // A variant without fusing may come from a run that has a fused model: that is not its own.
  const raw = run.settings.fuse.mode === 'none';
  const made = raw ? null : (madeIn(run, 'quantize', places) ?? madeIn(run, 'fuse', places));
  if (made !== null) return { model: join(made, files.model), adapter: null };
  if (run.from !== null && 'model' in run.from) return { model: run.from.model, adapter: null };
  const { folder, checkpoint } = adapterOf(run, places);
  return { model: places.model, adapter: checkpoint === null ? folder : files.prepared };
}

function trainCommands(run: CommandRun, places: Places): Pick<StageCommands, 'files' | 'commands'> {
  const { train: settings } = run.settings;
  if (settings === null || run.data === null) throw new Error(`run ${run.run} has no train settings or no data`);
  const { folder: data } = run.data;
  const yaml = trainYaml({ model: places.modelName, data, seed: run.seed, settings });
  const check = { model: places.model, data, settings, minRows: run.min_rows };
  return {
    files: [{ name: files.trainConfig, text: yaml }],
    commands: [
      ...run.preflight,
      checkArgv(places.python, places.driver('check_data'), check),
      trainArgv(places.python, settings),
    ],
  };
}

const layChosenArgv = (adapter: string, checkpoint: number): string[][] =>
  layAdapterArgv({ adapter, file: checkpointFile(checkpoint) }, files.prepared);

function fuseCommands(run: RunPlan, places: Places): string[][] {
  const { fuse: settings } = run.settings;
  const { folder, checkpoint } = adapterOf(run, places);
  const call = { model: places.model, adapter: checkpoint === null ? folder : files.prepared, settings };
  const argv =
    settings.mode === 'two_step'
      ? fuseTwoStepArgv(places.python, call)
      : fuseDirectArgv(places.python, places.driver('fuse_direct'), call);
  return checkpoint === null ? [argv] : [...layChosenArgv(folder, checkpoint), argv, ['rm', '-r', files.prepared]];
}

/** A saved checkpoint, and the training's adapter folder that it lies in. */
interface SavedIn {
  readonly adapter: string;
  readonly saved: readonly { readonly iteration: number; readonly file: string }[];
}

/** What a select stage chooses from: known before the training, from `iters` and `save_every`. */
function savedIn(run: RunPlan, places: Places): SavedIn {
  const { train } = run.settings;
  const trained = madeIn(run, 'train', places);
  if (train === null || trained === null) throw new Error(`run ${run.run} has no training to choose from`);
  const numbered = checkpointCount(train);
  const saved = savedIterations(train).map((iteration, index) => ({
    iteration,
    file: index < numbered ? checkpointFile(iteration) : files.weights,
  }));
  return { adapter: join(trained, files.adapter), saved };
}

/** Measures every checkpoint; which of them is taken as `adapter` is known then. */
function selectCommands(run: RunPlan, places: Places): string[][] {
  const { adapter, saved } = savedIn(run, places);
  const { by } = run.settings.select;
  const { train: settings } = run.settings;
  if (by === 'val_loss' && settings !== null && run.data !== null) {
    const call = { model: places.model, data: run.data.folder, adapter, checkpoints: saved, settings };
    return [valLossArgv(places.python, places.driver('val_loss'), call)];
  }
  return saved.flatMap(({ iteration, file }) => [
    ...layAdapterArgv({ adapter, file }, candidateFolder(iteration)),
    serveArgv(places, { model: places.model, adapter: candidateFolder(iteration) }, 'PORT'),
  ]);
}

/** The measurement that follows the answers, when there is an adapter and what became of it. */
function costCommands(run: RunPlan, places: Places): string[][] {
  const { model: final, adapter: served } = judgedModel(run, places);
  const { from, data, settings } = run;
  const whole = from !== null && 'model' in from;
  if (!settings.eval.cost || served !== null || whole) return [];
  const { folder: adapter, checkpoint } = adapterOf(run, places);
  const weights = checkpoint === null ? files.weights : checkpointFile(checkpoint);
  const call = { base: places.model, adapter, weights, final, data: data?.folder ?? null, train: settings.train };
  return [costArgv(places.python, places.driver('model_cost'), call)];
}

function commandsOf(
  run: CommandRun,
  stage: StageName,
  places: Places,
): Pick<StageCommands, 'commands'> & Partial<Pick<StageCommands, 'files'>> {
  if (stage === 'train') return trainCommands(run, places);
  if (stage === 'fuse') return { commands: fuseCommands(run, places) };
  if (stage === 'eval') {
    const { from } = run;
    const chosen = from !== null && 'adapter' in from && !run.chain.includes('fuse') ? from : null;
    const prepare =
      chosen === null || chosen.checkpoint === null ? [] : layChosenArgv(chosen.adapter, chosen.checkpoint);
    const { engine } = run.settings.eval;
    const serve = engine?.server === false ? [] : [serveArgv(places, judgedModel(run, places), 'PORT')];
    const judge = engine === undefined ? [] : [engine.command];
    return { commands: [...prepare, ...serve, ...judge, ...costCommands(run, places)] };
  }
  if (stage === 'select') return { commands: selectCommands(run, places) };
  const floats = madeIn(run, 'fuse', places);
  if (stage !== 'quantize' || floats === null) return { commands: [] };
  return { commands: [quantizeArgv(places.python, join(floats, files.model), run.settings.fuse)] };
}

/** Every stage of a run with the exact commands that it runs. */
export function stageCommands(run: CommandRun, places: Places): StageCommands[] {
  return run.chain.map((stage) => ({
    stage,
    folder: join(places.run(run.run), stageFolder(stage)),
    files: [],
    ...commandsOf(run, stage, places),
  }));
}
