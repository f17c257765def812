import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Settings } from '../../events/stages.ts';

/** mlx_lm's own `CONFIG_DEFAULTS` of 0.30.7 and 0.32.2 (equal in both), as far as phasebox counts with them. */
export const mlxDefaults = {
  iters: 1000,
  batch_size: 4,
  val_batches: 25,
  steps_per_eval: 200,
  num_layers: 16,
  save_every: 100,
  max_seq_length: 2048,
  mask_prompt: false,
} as const;

/** Names inside a stage's folder: the tools run in it, so every path they write is relative. */
export const files = {
  trainConfig: 'train.yaml',
  adapter: 'adapter',
  weights: 'adapters.safetensors',
  adapterConfig: 'adapter_config.json',
  profile: 'profile.json',
  model: 'model',
  prepared: 'chosen-adapter',
  candidates: 'candidates',
  losses: 'losses.jsonl',
  /** Folder of the tool that measures them: its log. */
  loss: 'loss',
  costAnswers: 'cost-answers.jsonl',
  cost: 'cost',
} as const;

/** `0000600_adapters.safetensors`, as mlx_lm names the weights of an iteration. */
export const checkpointFile = (iteration: number): string => `${String(iteration).padStart(7, '0')}_${files.weights}`;

/** The iteration in a checkpoint's file name; null for any other file. */
export function checkpointIteration(file: string): number | null {
  const digits = /^(\d{7,})_adapters\.safetensors$/.exec(file)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** Python reads and writes UTF-8 whatever LANG and LC_ALL say: mlx_lm and our drivers open text files without naming an encoding. */
export const pythonEnv = { PYTHONUTF8: '1' } as const;

/**
 * Environment of every tool, the run's own included. COLUMNS: the table of mlx_lm >= 0.32 is cut to the width of the
 * terminal that `up` was started in.
 */
export function toolEnv(env: Readonly<Record<string, string>>): Record<string, string> {
  return { COLUMNS: '120', ...env, ...pythonEnv, PYTHONUNBUFFERED: '1', HF_HUB_OFFLINE: '1' };
}

/** mlx_lm gives these an argparse default, so that it never reads them from the YAML file: they go as flags. */
const flagsOnly = ['clear_cache_threshold', 'trust_remote_code'] as const;

type Train = Settings<'train'>;

export interface TrainCall {
  readonly model: string;
  readonly data: string;
  readonly seed: number;
  readonly settings: Train;
}

/** What mlx_lm reads with `-c`: the phase's train section and what is ours. YAML 1.1, since PyYAML reads `no` as false. */
export function trainYaml({ model, data, seed, settings }: TrainCall): string {
  const own = { model, data, train: true, seed, adapter_path: files.adapter };
  const rest = Object.entries(settings).filter(
    ([key, value]) => value !== undefined && value !== null && !flagsOnly.some((flag) => flag === key),
  );
  return stringify({ ...own, ...Object.fromEntries(rest) }, { version: '1.1', lineWidth: 0 });
}

const remoteCode = (train: Train | null): string[] =>
  train?.trust_remote_code === true ? ['--trust-remote-code'] : [];

/** A train section, or only its `chat_feature` and the like: the keys of a data row where they are not mlx_lm's own. */
export type RowKeys = Readonly<Record<string, unknown>>;

/** The same for the drivers that read the data. */
export const rowKeys = (keys: RowKeys | null): string[] =>
  ['chat', 'prompt', 'completion', 'text'].flatMap((kind) => {
    const key = keys?.[`${kind}_feature`];
    return typeof key === 'string' ? [`--${kind}-key`, key] : [];
  });

/** `mlx_lm lora`, in the folder with train.yaml. */
export function trainArgv(python: string, settings: Train): string[] {
  const { clear_cache_threshold: threshold } = settings;
  const flags = [
    ...(threshold === undefined || threshold === null ? [] : ['--clear-cache-threshold', String(threshold)]),
    ...remoteCode(settings),
  ];
  return [python, '-m', 'mlx_lm', 'lora', '-c', files.trainConfig, ...flags];
}

export interface CheckCall {
  readonly model: string;
  readonly data: string;
  readonly settings: Train;
  readonly minRows: Readonly<Record<string, number>>;
}

/** The data check and profile: python/check_data.py with the settings that decide what is seen of the data. */
export function checkArgv(python: string, driver: string, { model, data, settings, minRows }: CheckCall): string[] {
  const used = { ...mlxDefaults, ...settings };
  const rows = Object.entries(minRows).map(([split, rows]) => `${split}=${rows}`);
  return [
    ...[python, driver, '--model', model, '--data', data, '--out', files.profile],
    ...['--iters', String(used.iters), '--batch-size', String(used.batch_size)],
    ...['--val-batches', String(used.val_batches), '--max-seq-length', String(used.max_seq_length)],
    ...['--steps-per-eval', String(used.steps_per_eval)],
    ...(used.mask_prompt === true ? ['--mask-prompt'] : []),
    ...(rows.length === 0 ? [] : ['--min-rows', ...rows]),
    ...rowKeys(settings),
    ...remoteCode(settings),
  ];
}

export interface FuseCall {
  readonly model: string;
  readonly adapter: string;
  readonly settings: Settings<'fuse'>;
}

/** Fuse and quantize in one process: no float16 copy on the disk. */
export function fuseDirectArgv(python: string, driver: string, { model, adapter, settings }: FuseCall): string[] {
  const bits = settings.q_bits;
  return [
    ...[python, driver, '--model', model, '--adapter', adapter, '--out', files.model],
    ...(bits === null ? [] : ['--q-bits', String(bits), '--q-group-size', String(settings.q_group_size)]),
  ];
}

/** mlx_lm's own fuse: leaves the unquantised model, to be quantized by `quantizeArgv`. */
export function fuseTwoStepArgv(python: string, { model, adapter }: Pick<FuseCall, 'model' | 'adapter'>): string[] {
  const paths = ['--model', model, '--adapter-path', adapter, '--save-path', files.model];
  return [python, '-m', 'mlx_lm', 'fuse', ...paths, '--dequantize'];
}

/** mlx_lm's own quantization; it refuses an existing output folder. */
export function quantizeArgv(python: string, model: string, settings: Settings<'fuse'>): string[] {
  const grid = ['--q-bits', String(settings.q_bits), '--q-group-size', String(settings.q_group_size)];
  return [python, '-m', 'mlx_lm', 'convert', '--hf-path', model, '--mlx-path', files.model, '-q', ...grid];
}

/** Links a checkpoint (`file` in the folder `adapter`) into `folder` as adapters.safetensors, the only name that mlx_lm loads. */
export function layAdapterArgv({ adapter, file }: { adapter: string; file: string }, folder: string): string[][] {
  return [
    ['mkdir', '-p', folder],
    ['ln', '-sf', join(adapter, files.adapterConfig), join(folder, files.adapterConfig)],
    ['ln', '-sf', join(adapter, file), join(folder, files.weights)],
  ];
}

/** Where a candidate is laid out to be served, and where its answers are kept. */
export const candidateFolder = (iteration: number): string =>
  `${files.candidates}/${String(iteration).padStart(7, '0')}`;

export interface LossCall {
  readonly model: string;
  readonly data: string;
  /** Folder with adapter_config.json, and the weights in it by iteration. */
  readonly adapter: string;
  readonly checkpoints: readonly { readonly iteration: number; readonly file: string }[];
  readonly settings: Train;
}

/** python/val_loss.py: the loss of every checkpoint on all rows of valid.jsonl, with what the training saw of a row. */
export function valLossArgv(python: string, driver: string, call: LossCall): string[] {
  const { model, data, adapter, checkpoints, settings } = call;
  const used = { ...mlxDefaults, ...settings };
  return [
    ...[python, driver, '--model', model, '--data', data, '--adapter', adapter],
    ...['--out', `${files.candidates}/${files.losses}`],
    ...checkpoints.flatMap(({ iteration, file }) => ['--checkpoint', `${iteration}=${file}`]),
    ...['--max-seq-length', String(used.max_seq_length), '--batch-size', String(used.batch_size)],
    ...(used.mask_prompt === true ? ['--mask-prompt'] : []),
    ...rowKeys(settings),
    ...remoteCode(settings),
  ];
}

export interface CostCall {
  readonly base: string;
  /** Folder of the adapter, and the file in it with the weights that were fused. */
  readonly adapter: string;
  readonly weights: string;
  readonly final: string;
  /** Folder with valid.jsonl; null: no loss is measured. */
  readonly data: string | null;
  readonly train: Train | null;
}

/** What fusing and quantizing cost: python/model_cost.py, in the folder with `files.costAnswers`. */
export function costArgv(python: string, driver: string, call: CostCall): string[] {
  const { base, adapter, weights, final, data, train } = call;
  const limit = String(train?.max_seq_length ?? mlxDefaults.max_seq_length);
  return [
    ...[python, driver, '--base', base, '--adapter', adapter, '--weights', weights, '--final', final],
    ...['--answers', files.costAnswers, '--out', `${files.cost}/${files.cost}.json`],
    ...(data === null ? [] : ['--data', data, '--max-seq-length', limit, ...rowKeys(train)]),
  ];
}

/** The iterations that a training saves, in order: every `save_every`, and the last. */
export function savedIterations(train: Settings<'train'>): number[] {
  const { iters, save_every } = { ...mlxDefaults, ...train };
  const numbered = Array.from({ length: Math.floor(iters / save_every) }, (_, index) => (index + 1) * save_every);
  return numbered.at(-1) === iters ? numbered : [...numbered, iters];
}
