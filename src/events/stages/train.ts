import { stringify } from 'yaml';
import * as z from 'zod';
import { dataProfile } from '../data-report.ts';
import { inside, path } from '../paths.ts';
import { stopRules, trainingFacts } from '../training.ts';
import { files, remoteCode, rowKeys } from './mlx.ts';
import {
  type Absolute,
  type Command,
  logBytes,
  type Pace,
  type Places,
  type RunCommand,
  type Sizes,
  usual,
} from './stage-row.ts';

/**
 * The train settings with which phasebox calculates. Each value in `catch` is the default of mlx_lm 0.30.7 to 0.32.2,
 * which phasebox 0.1.0 used: its run.json files have no `train_defaults`.
 */
const counted = z.object({
  iters: z.int().catch(1000),
  batch_size: z.int().catch(4),
  val_batches: z.int().catch(25),
  steps_per_eval: z.int().catch(200),
  num_layers: z.int().catch(16),
  save_every: z.int().catch(100),
  max_seq_length: z.int().catch(2048),
  mask_prompt: z.boolean().catch(false),
});
type Counted = z.infer<typeof counted>;

/** mlx_lm's defaults by the names of its settings. */
export type Defaults = Readonly<Record<string, unknown>>;

/** Settings with mlx_lm's defaults for those that the config lacks. mlx_lm itself receives only the config's own. */
export type Complete<T> = T & { [K in keyof Counted]: Counted[K] };

export const withDefaults = <T extends object>(train: T, defaults: Defaults = {}): Complete<T> => ({
  ...counted.parse(defaults),
  ...(defaults.lora_parameters === undefined ? {} : { lora_parameters: defaults.lora_parameters }),
  ...(defaults.fine_tune_type === undefined ? {} : { fine_tune_type: defaults.fine_tune_type }),
  ...train,
});

/** The part of a run that decides the settings of its training. */
export interface Trained<T> {
  readonly settings: { readonly train: T | null };
  readonly train_defaults?: Defaults | undefined;
}

/** The settings of a run's training. Null if it has none. */
export const completeTrain = <T extends object>({ settings: { train }, train_defaults }: Trained<T>) =>
  train === null ? null : withDefaults(train, train_defaults);

/** All known defaults of a run's training. */
export const knownDefaults = ({ train_defaults }: Pick<Trained<unknown>, 'train_defaults'>): Defaults =>
  train_defaults ?? counted.parse({});

const count = z.int().min(1);

/** Settings of the train section that mlx_lm does not know: they belong to phasebox's training driver. */
export const driverSettings = ['stop'] as const;

/** mlx_lm's own keys. Those that phasebox does not read are checked against the installed mlx_lm. */
export const trainSettings = z.looseObject({
  iters: count.optional().describe('Number of iterations.'),
  batch_size: count.optional().describe('Examples per iteration.'),
  learning_rate: z.number().positive().optional().describe('Learning rate, such as 1e-4.'),
  num_layers: z
    .int()
    .min(-1)
    .optional()
    .describe('Number of layers that get an adapter, counted from the last. -1 means all.'),
  grad_accumulation_steps: count.optional().describe('Number of iterations per optimizer step.'),
  mask_prompt: z.boolean().optional().describe('Train only on the last message of each example.'),
  max_seq_length: count.optional().describe('Maximum number of tokens per example. The rest is cut off.'),
  save_every: count.optional().describe('Save a checkpoint every n iterations.'),
  steps_per_report: count.optional().describe('Report the training loss every n iterations.'),
  steps_per_eval: count.optional().describe('Measure the validation loss every n iterations.'),
  val_batches: z
    .int()
    .min(-1)
    .optional()
    .describe('Number of batches that a validation loss is measured on. -1 means all.'),
  resume_adapter_file: path
    .optional()
    .describe('Adapter weights to start from (a warm start; the optimizer state is not restored).'),
  stop: stopRules
    .optional()
    .describe('End the training before `iters` iterations. The checkpoints until then can be selected.'),
});
export type TrainSettings = z.infer<typeof trainSettings>;
export type CompleteTrain = Complete<TrainSettings>;

/** mlx_lm gives these an argparse default, so it never reads them from the YAML file: they become flags. */
const flagsOnly = ['clear_cache_threshold', 'trust_remote_code'] as const;
const notInYaml: readonly string[] = [...flagsOnly, ...driverSettings];

/** What `mlx_lm lora -c` reads: the train section and our own keys. YAML 1.1, since PyYAML reads `no` as false. */
export function trainYaml(settings: TrainSettings, ours: { model: string; data: string; seed: number }): string {
  const { seed, ...paths } = ours;
  const own = { ...paths, train: true, seed, adapter_path: files.adapter };
  const rest = Object.entries(settings).filter(
    ([key, value]) => value !== undefined && value !== null && !notInYaml.includes(key),
  );
  return stringify({ ...own, ...Object.fromEntries(rest) }, { version: '1.1', lineWidth: 0 });
}

/** The training in the folder with train.yaml: python/train.py, which resumes from its states. */
export function trainCommand(
  settings: TrainSettings,
  at: Pick<Places, 'python' | 'driver' | 'memoryLimit'>,
): RunCommand {
  const { python, driver, memoryLimit } = at;
  const { clear_cache_threshold: threshold, stop } = settings;
  const flags = [
    ...(threshold === undefined || threshold === null ? [] : ['--clear-cache-threshold', String(threshold)]),
    ...remoteCode(settings),
  ];
  const config = ['-c', files.trainConfig];
  const own = ['--state-dir', files.states, '--resume', files.states, '--pause-file', files.pause];
  const limit = ['--memory-limit', String(memoryLimit)];
  const rules = stop === undefined ? [] : ['--stop', JSON.stringify(stop)];
  const argv = [python, driver('train'), ...config, ...own, '--progress', files.progress, ...limit, ...rules, ...flags];
  const tool: RunCommand = { does: 'run', argv, loadsModel: true };
  // mlx_lm alone does not stop early.
  return stop === undefined ? { ...tool, plain: [python, '-m', 'mlx_lm', 'lora', ...config, ...flags] } : tool;
}

/** The newest state, the one before it, and one that is being written, each with the weights and two moments. */
const stateAdapters = 3 * 3;

export interface CheckCall {
  readonly model: string;
  readonly data: string;
  readonly settings: CompleteTrain;
  readonly minRows: Readonly<Record<string, number>>;
}

/** The data check and profile: python/check_data.py with the settings that decide how the data is read. */
export function checkArgv(python: string, driver: string, { model, data, settings, minRows }: CheckCall): string[] {
  const rows = Object.entries(minRows).map(([split, rows]) => `${split}=${rows}`);
  return [
    ...[python, driver, '--model', model, '--data', data, '--out', files.profile],
    ...['--iters', String(settings.iters), '--batch-size', String(settings.batch_size)],
    ...['--val-batches', String(settings.val_batches), '--max-seq-length', String(settings.max_seq_length)],
    ...['--steps-per-eval', String(settings.steps_per_eval)],
    ...(settings.mask_prompt ? ['--mask-prompt'] : []),
    ...(rows.length === 0 ? [] : ['--min-rows', ...rows]),
    ...rowKeys(settings),
    ...remoteCode(settings),
  ];
}

/**
 * The iterations that a training saves, in order: every `save_every`, and the last. One that stops early saves those
 * before its last iteration, and that one.
 */
export function savedIterations({ iters, save_every }: Pick<CompleteTrain, 'iters' | 'save_every'>): number[] {
  const numbered = Array.from({ length: Math.floor(iters / save_every) }, (_, index) => (index + 1) * save_every);
  return numbered.at(-1) === iters ? numbered : [...numbered, iters];
}

/** How many numbered checkpoints mlx_lm writes. */
export const checkpointCount = ({ iters, save_every }: CompleteTrain): number => Math.floor(iters / save_every);

/** What the commands of a training depend on. */
interface Training extends Trained<TrainSettings> {
  readonly run: string;
  readonly seed: number;
  readonly data: { readonly folder: string } | null;
  readonly preflight: readonly (readonly string[])[];
  readonly min_rows: Readonly<Record<string, number>>;
}

/** Learns an adapter with mlx_lm's LoRA training. */
export const train = {
  ...usual,
  place: 1,
  settings: trainSettings,
  section: trainSettings
    .optional()
    .describe("mlx_lm settings under their own names. Settings that you omit use mlx_lm's defaults."),
  /** Null if the run begins after its training. */
  kept: trainSettings.nullable(),
  makes: z.strictObject({
    adapter: inside,
    /** Every saved checkpoint, in order. The last one has the weights of `adapter`. */
    checkpoints: z.array(z.strictObject({ iteration: z.int(), file: inside })),
    iterations: z.int(),
    train_loss: z.number().nullable(),
    val_loss: z.number().nullable(),
    profile: dataProfile.nullable(),
    /** Started with the weights of `resume_adapter_file`, without the optimizer state, at iteration 1. */
    warm_restart: z.boolean(),
    /** Manifests of 0.1.0 lack it. Null if the training driver wrote nothing. */
    training: trainingFacts.nullable().optional(),
  }),
  branches: true,
  makesModel: true,
  carries: {
    called: 'last saved state',
    moved: [files.adapter, files.progress, files.states],
    files: ['*_adapters.safetensors', 'state-*.safetensors', files.progress],
    spoiledBy: ['NAN_LOSS', 'OUTPUT_DAMAGED', 'BAD_DATA', 'BAD_MODEL', 'MISSING_INPUT', 'INPUT_CHANGED'],
  },
  pauseFile: files.pause,
  wanted: () => true,
  resolve(settings: TrainSettings, absolute: Absolute): TrainSettings {
    const file = settings.resume_adapter_file;
    return file === undefined ? settings : { ...settings, resume_adapter_file: absolute(file) };
  },
  bytes: (_run: unknown, { adapter, checkpoints }: Sizes) => adapter * (1 + checkpoints + stateAdapters) + logBytes,
  frees: (_run: unknown, { adapter }: Sizes) => adapter * stateAdapters,
  seconds(run: Trained<TrainSettings>, { load, iteration, validation, validRows }: Pace): number {
    const settings = completeTrain(run);
    if (settings === null) return 0;
    const { iters, batch_size, steps_per_eval, val_batches, stop } = settings;
    const all = Math.max(1, Math.floor(validRows / batch_size));
    const batches = val_batches < 0 ? all : Math.min(val_batches, all);
    // At iteration 1, every steps_per_eval, and the last.
    const validations = 1 + Math.ceil(iters / steps_per_eval);
    const most = 60 * (stop?.train_minutes ?? Number.POSITIVE_INFINITY);
    return load + Math.min(most, iters * iteration + validations * batches * validation);
  },
  /** The user's own checks, the data check, and the training. */
  commands(training: Training, at: Places): Command[] {
    const { run, seed, data, preflight, min_rows: minRows, settings: given } = training;
    const [settings, complete] = [given.train, completeTrain(training)];
    if (settings === null || complete === null || data === null)
      throw new Error(`run ${run} has no train settings or no data`);
    const call = { model: at.baseModel, data: data.folder };
    const check = { ...call, settings: complete, minRows };
    return [
      ...preflight.map((argv, index): Command => ({ does: 'run', name: `preflight-${index + 1}`, argv, ofUser: true })),
      { does: 'run', name: 'check', argv: checkArgv(at.python, at.driver('check_data'), check) },
      { does: 'write', name: files.trainConfig, text: trainYaml(settings, { ...call, seed }) },
      trainCommand(settings, at),
    ];
  },
};
