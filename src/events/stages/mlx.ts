import { join } from 'node:path';
import type { AdapterAt, Command } from './stage-row.ts';

/** Names inside a stage's folder: the tools run in it, so every path they write is relative. */
export const files = {
  trainConfig: 'train.yaml',
  adapter: 'adapter',
  weights: 'adapters.safetensors',
  adapterConfig: 'adapter_config.json',
  profile: 'profile.json',
  /** What the training driver reports, one JSON line each: events/training.ts. */
  progress: 'progress.jsonl',
  /** What a training needs to continue exactly: python/train_state.py. They are removed when it is finished. */
  states: 'states',
  /** Its existence asks the training to save a state and to end. */
  pause: 'pause',
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

/** The iteration in a checkpoint's file name, or null for any other file. */
export function checkpointIteration(file: string): number | null {
  const digits = /^(\d{7,})_adapters\.safetensors$/.exec(file)?.[1];
  return digits === undefined ? null : Number(digits);
}

export const remoteCode = (train: RowKeys | null): string[] =>
  train?.trust_remote_code === true ? ['--trust-remote-code'] : [];

/** A train section, or only its `chat_feature` and the like: keys of a data row that differ from mlx_lm's own. */
export type RowKeys = Readonly<Record<string, unknown>>;

/** The same for the drivers that read the data. */
export const rowKeys = (keys: RowKeys | null): string[] =>
  ['chat', 'prompt', 'completion', 'text'].flatMap((kind) => {
    const key = keys?.[`${kind}_feature`];
    return typeof key === 'string' ? [`--${kind}-key`, key] : [];
  });

/** Links a checkpoint (`file` in the folder `adapter`) into `folder` as adapters.safetensors, the only name that mlx_lm loads. */
export const layAdapter = ({ folder, file }: { folder: string; file: string }, into: string): Command[] => [
  { does: 'link', target: join(folder, files.adapterConfig), name: join(into, files.adapterConfig) },
  { does: 'link', target: join(folder, file), name: join(into, files.weights) },
];

/** Lays out a requested checkpoint. Any other adapter is read in its own folder. */
export const layChosen = (adapter: AdapterAt): Command[] =>
  adapter.checkpoint === null ? [] : layAdapter(adapter, files.prepared);
/** What mlx_lm reads as the adapter. */
export const loaded = ({ folder, checkpoint }: AdapterAt): string => (checkpoint === null ? folder : files.prepared);
/** Links are not outputs. */
export const dropChosen = ({ checkpoint }: AdapterAt): Command[] =>
  checkpoint === null ? [] : [{ does: 'remove', name: files.prepared }];
