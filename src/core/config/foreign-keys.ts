/** Names that other tools use for settings of LoRA, and mlx_lm's own names for them in `lora_parameters`. */
export const foreignLora: Readonly<Record<string, string>> = {
  alpha: 'scale',
  lora_alpha: 'scale',
  r: 'rank',
  lora_rank: 'rank',
  lora_dropout: 'dropout',
  target_modules: 'keys',
};

const loraKeys: Readonly<Record<string, string>> = {
  ...foreignLora,
  ...{ rank: 'rank', scale: 'scale', dropout: 'dropout', keys: 'keys' },
};

/** Names that other tools use for settings of a training, and mlx_lm's own names for them. */
const trainKeys: Readonly<Record<string, string>> = {
  lr: 'learning_rate',
  max_steps: 'iters',
  steps: 'iters',
  num_iters: 'iters',
  iterations: 'iters',
  batch: 'batch_size',
  per_device_train_batch_size: 'batch_size',
  gradient_accumulation_steps: 'grad_accumulation_steps',
  gradient_checkpointing: 'grad_checkpoint',
  max_length: 'max_seq_length',
  lora_layers: 'num_layers',
  save_steps: 'save_every',
  eval_steps: 'steps_per_eval',
  logging_steps: 'steps_per_report',
  lr_scheduler_type: 'lr_schedule',
};

const folderOfRows = 'save its examples as train.jsonl and valid.jsonl in a folder, and write that as `data:`';

/** What to write in `train` instead of a setting of another tool. Undefined if the key is not known. */
export function foreignKeyHint(key: string): string | undefined {
  if (/^(num_)?(train_)?epochs?$/.test(key))
    return 'mlx_lm counts iterations: write `iters`, which is epochs x examples / batch_size';
  if (/^warmup(_steps|_ratio)?$/.test(key))
    return 'it is part of the schedule: `lr_schedule: { name: cosine_decay, warmup: STEPS, arguments: [...] }`';
  if (/^early_stopping/.test(key)) return 'write `stop: { val_loss: { patience: N } }`';
  if (key === 'weight_decay')
    return 'it is a setting of the optimizer: `optimizer_config: { adamw: { weight_decay: N } }`';
  if (key === 'hf_dataset') return `data is read from a folder: ${folderOfRows}`;
  const lora = Object.hasOwn(loraKeys, key) ? loraKeys[key] : undefined;
  if (lora !== undefined) return loraHint(key, lora);
  const own = Object.hasOwn(trainKeys, key) ? trainKeys[key] : undefined;
  return own === undefined ? undefined : `mlx_lm calls it \`${own}\``;
}

function loraHint(key: string, name: string): string {
  const scale = /alpha/.test(key) ? ', and scale is alpha / rank' : '';
  return `write \`${name}\` in \`lora_parameters\`, such as \`lora_parameters: { rank: 8, scale: 20.0, dropout: 0.0 }\`${scale}`;
}

/** For a `data:` that does not exist and may be the name of a data set of the Hugging Face Hub. */
export const hubDataHint = (source: string): string =>
  `if ${source} is a data set of the Hugging Face Hub, ${folderOfRows}; phasebox downloads no data`;
