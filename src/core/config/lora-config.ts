import { stringify } from 'yaml';
import { isMapping, type Mapping } from '../mapping.ts';
import { ownTrainKeys } from './check-train.ts';

/** Keys at the top of a config of `mlx_lm lora`, and of the adapter_config.json that it writes. No phase has them. */
const loraKeys: readonly string[] = [
  ...['iters', 'batch_size', 'learning_rate', 'num_layers', 'lora_layers', 'lora_parameters', 'adapter_path'],
  ...['fine_tune_type', 'optimizer', 'steps_per_report', 'steps_per_eval', 'val_batches', 'save_every', 'test_batches'],
  ...['max_seq_length', 'resume_adapter_file', 'grad_checkpoint', 'lr_schedule', 'hf_dataset', 'mask_prompt'],
];

/** A key that belongs into `train`, if it is found outside. */
export const isTrainKey = (key: string): boolean =>
  loraKeys.includes(key) && !['adapter_path', 'hf_dataset'].includes(key);

/** Whether a file is a config of `mlx_lm lora`, or an adapter_config.json. */
export function isLoraConfig(value: Mapping): boolean {
  if (value.phase !== undefined || value.extends !== undefined || value.eval !== undefined) return false;
  const found = loraKeys.filter((key) => Object.hasOwn(value, key)).length;
  return found > 1 || (found > 0 && typeof value.train === 'boolean');
}

export interface LoraFile {
  /** What the file is called, from which the phase gets its name. */
  readonly name: string;
  /** What people read as its origin. */
  readonly from: string;
}

/** The phase file with the settings of a config of `mlx_lm lora`. The suite is the one that `phasebox init` creates. */
export function phaseOfLora(config: Mapping, { name, from }: LoraFile): string {
  const { model, data, seed, lora_layers: layers } = config;
  const renamed = typeof layers === 'number' && config.num_layers === undefined ? { num_layers: layers } : {};
  const settings = Object.entries({ ...config, ...renamed }).filter(([key, value]) => isKept(key, value));
  const out = leftOut(config);
  const phase = {
    phase: phaseNameOf(name),
    ...(typeof model === 'string' ? { model } : {}),
    ...(typeof data === 'string' ? { data } : {}),
    ...(typeof seed === 'number' ? { seeds: [seed] } : {}),
    train: Object.fromEntries(settings),
    eval: { suite: 'suites/agent-27.yaml' },
  };
  const head = [
    `# Made from ${from}. Relative paths are resolved from the workspace.`,
    ...(out.length === 0 ? [] : [`# Left out: ${out.join(', ')}.`]),
    ...(config.fine_tune_type === 'full' ? ['# phasebox does not train all weights: choose lora or dora.'] : []),
    '# Write your own suite as eval.suite: it scores the model.',
  ];
  return `${head.join('\n')}\n${stringify(phase, { lineWidth: 0 })}`;
}

/** Not a setting of a phase's training, or the same as if it were absent. */
const elsewhere = ['model', 'data', 'seed', 'lora_layers'];

function isKept(key: string, value: unknown): boolean {
  if (elsewhere.includes(key) || ownTrainKeys.includes(key) || key === 'hf_dataset') return false;
  return value !== null && value !== undefined && !isEmpty(key, value);
}

/** Values by which nothing is set, as adapter_config.json has them. */
function isEmpty(key: string, value: unknown): boolean {
  if (key === 'clear_cache_threshold') return value === 0;
  if (key === 'trust_remote_code') return value === false;
  const isTable = key === 'optimizer_config' && isMapping(value);
  return isTable && Object.values(value).every((one) => isMapping(one) && Object.keys(one).length === 0);
}

function leftOut(config: Mapping): string[] {
  const dropped = [...ownTrainKeys.filter((key) => !elsewhere.includes(key)), 'hf_dataset'];
  return dropped.filter((key) => config[key] !== undefined && config[key] !== null && config[key] !== false);
}

/** A name that a phase may have. */
function phaseNameOf(name: string): string {
  const plain = name.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  const free = /^(base|plots)$|^results\.jsonl|\.(json|jsonl|md|html|svg)$/i.test(plain)
    ? `${plain.replaceAll('.', '-')}-1`
    : plain;
  return free.slice(0, 64) || 'imported';
}
