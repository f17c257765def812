import { join } from 'node:path';
import { type StageName, stageFolder } from '../../events/stages.ts';
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
import {
  type AdapterFiles,
  adapterFiles,
  adapterOf,
  finalModelOf,
  fusedAdapter,
  lineageOf,
  type Parts,
} from '../run/lineage.ts';

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

/** Adapter and model of a run, each by the folder that it lies in or will lie in. */
const partsOf = (run: RunPlan, places: Places): Parts<string> =>
  lineageOf(run, {
    find: (id) => places.plans.get(id),
    at: (maker, stage) =>
      join(
        places.run(maker.run),
        stageFolder(stage),
        stage === 'fuse' || stage === 'quantize' ? files.model : files.adapter,
      ),
  });

function given<T>(part: T | null | undefined, run: RunPlan, what: string): T {
  if (part === null || part === undefined) throw new Error(`run ${run.run} has no ${what}`);
  return part;
}

const adapterIn = (run: RunPlan, places: Places): AdapterFiles =>
  adapterFiles(given(adapterOf(partsOf(run, places)), run, 'adapter'));

/** What mlx_lm reads as the adapter: a checkpoint is laid out under the only name that it loads. */
const loaded = ({ folder, checkpoint }: AdapterFiles): string => (checkpoint === null ? folder : files.prepared);

/** What the eval stage serves: the last model made, else the base with the adapter. */
export function judgedModel(run: RunPlan, places: Places): Judged {
  const final = given(finalModelOf(partsOf(run, places)), run, 'model to judge');
  if (final.kind === 'adapter') return { model: places.model, adapter: loaded(adapterFiles(final.adapter)) };
  return { model: final.kind === 'made' ? final.at : final.folder.model, adapter: null };
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

/** Lays out a checkpoint that was asked for; any other adapter is read where it lies. */
const layChosenArgv = ({ folder, checkpoint, file }: AdapterFiles): string[][] =>
  checkpoint === null ? [] : layAdapterArgv({ adapter: folder, file }, files.prepared);

function fuseCommands(run: RunPlan, places: Places): string[][] {
  const { fuse: settings } = run.settings;
  const adapter = adapterIn(run, places);
  const call = { model: places.model, adapter: loaded(adapter), settings };
  const argv =
    settings.mode === 'two_step'
      ? fuseTwoStepArgv(places.python, call)
      : fuseDirectArgv(places.python, places.driver('fuse_direct'), call);
  const lay = layChosenArgv(adapter);
  return lay.length === 0 ? [argv] : [...lay, argv, ['rm', '-r', files.prepared]];
}

/** A saved checkpoint, and the training's adapter folder that it lies in. */
interface SavedIn {
  readonly adapter: string;
  readonly saved: readonly { readonly iteration: number; readonly file: string }[];
}

/** What a select stage chooses from: known before the training, from `iters` and `save_every`. */
function savedIn(run: RunPlan, places: Places): SavedIn {
  const { train } = run.settings;
  const adapter = given(partsOf(run, places).made('train'), run, 'training to choose from');
  if (train === null) throw new Error(`run ${run.run} has no train settings`);
  const numbered = checkpointCount(train);
  const saved = savedIterations(train).map((iteration, index) => ({
    iteration,
    file: index < numbered ? checkpointFile(iteration) : files.weights,
  }));
  return { adapter, saved };
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
  const { data, settings } = run;
  const fused = fusedAdapter(partsOf(run, places));
  if (!settings.eval.cost || fused === null) return [];
  const { folder: adapter, file: weights } = adapterFiles(fused.adapter);
  const more = { data: data?.folder ?? null, train: settings.train };
  const call = { base: places.model, adapter, weights, final: fused.final, ...more };
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
    const final = finalModelOf(partsOf(run, places));
    const prepare = final?.kind === 'adapter' ? layChosenArgv(adapterFiles(final.adapter)) : [];
    const { engine } = run.settings.eval;
    const serve = engine?.server === false ? [] : [serveArgv(places, judgedModel(run, places), 'PORT')];
    const judge = engine === undefined ? [] : [engine.command];
    return { commands: [...prepare, ...serve, ...judge, ...costCommands(run, places)] };
  }
  if (stage === 'select') return { commands: selectCommands(run, places) };
  const floats = partsOf(run, places).made('fuse');
  if (stage !== 'quantize' || floats === undefined) return { commands: [] };
  return { commands: [quantizeArgv(places.python, floats, run.settings.fuse)] };
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
