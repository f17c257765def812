import { trainSettings } from '../../events/stages.ts';
import { isMapping, type Mapping } from './mapping.ts';
import type { Finding, Path } from './problem.ts';
import { notAllowed, suggestion, typeWord, wordHint } from './validate.ts';

/** Keys of mlx_lm that are ours to set, and where the phase says it instead. */
const ours: Readonly<Record<string, string>> = {
  model: 'write `model:` in the phase, outside train',
  data: 'write `data:` in the phase, outside train',
  seed: 'write `seeds:` in the phase, outside train',
  adapter_path: 'adapters are kept in artifacts/<phase>/<run>/1-train/',
  train: 'a phase with a train section trains',
  config: 'the train section is that file',
  test: 'a suite in eval tests the model',
  test_batches: 'a suite in eval tests the model',
  wandb: 'figures are kept in artifacts/',
  report_to: 'figures are kept in artifacts/',
};

/** What `train:` says beyond its schema, against the defaults of the installed mlx_lm. */
export function checkTrain(train: Mapping, defaults: Mapping, path: Path): Finding[] {
  return Object.entries(train).flatMap(([key, value]) => {
    const at = { path: [...path, key], seen: value };
    const refused = checkTrainKey(key, defaults, at);
    const isChecked = Object.hasOwn(ours, key) || Object.hasOwn(trainSettings.shape, key);
    return isChecked ? refused : [...refused, ...checkValue(key, value, { defaults, at })];
  });
}

type At = Pick<Finding, 'path' | 'seen'>;

/** A key that mlx_lm does not know, or that is not the phase's to set. */
export function checkTrainKey(key: string, defaults: Mapping, at: At): Finding[] {
  if (Object.hasOwn(ours, key)) return [{ ...at, message: 'phasebox sets this', hint: ours[key] }];
  if (Object.hasOwn(defaults, key)) return [];
  const allowed = Object.keys(defaults).filter((name) => !Object.hasOwn(ours, name));
  return [{ ...at, ...notAllowed('the installed mlx_lm does not know this key', key, allowed.toSorted()) }];
}

function checkValue(key: string, value: unknown, { defaults, at }: { defaults: Mapping; at: At }): Finding[] {
  if (key === 'fine_tune_type') return checkKind(value, at);
  if (key === 'optimizer' && typeof value === 'string') return checkOptimizer(value, defaults.optimizer_config, at);
  if (key === 'lr_schedule' && !isMapping(value)) return [{ ...at, message: `${typeWord('object')} is expected` }];
  if (key === 'lora_parameters' && isMapping(value)) return checkLora(value, defaults.lora_parameters, at);
  const wanted = typeOf(defaults[key]);
  if (wanted === null || fits(value, wanted)) return [];
  const hint = typeof value === 'string' ? wordHint(wanted, value) : undefined;
  const usual = isMapping(defaults[key]) ? '' : ` (mlx_lm's default: ${JSON.stringify(defaults[key])})`;
  return [{ ...at, message: `${typeWord(wanted)} is expected${usual}`, hint }];
}

function checkKind(value: unknown, at: At): Finding[] {
  if (value === 'lora' || value === 'dora') return [];
  const message =
    value === 'full' ? 'a full fine-tune has no adapter to fuse; allowed: lora, dora' : 'allowed: lora, dora';
  return [{ ...at, message, hint: suggestion(value, ['lora', 'dora']) }];
}

function checkOptimizer(value: string, known: unknown, at: At): Finding[] {
  const names = isMapping(known) ? Object.keys(known) : [];
  if (names.length === 0 || names.includes(value.toLowerCase())) return [];
  return [{ ...at, message: `allowed: ${names.join(', ')}`, hint: suggestion(value, names) }];
}

/** mlx_lm takes the section as a whole: what is left out is not its default, it is missing. */
function checkLora(value: Mapping, usual: unknown, at: At): Finding[] {
  const missing = isMapping(usual) ? Object.entries(usual).filter(([key]) => !Object.hasOwn(value, key)) : [];
  if (missing.length === 0) return [];
  const [keys, defaults] = [missing.map(([key]) => key), missing.map(([key, is]) => `${key}: ${JSON.stringify(is)}`)];
  const message = `mlx_lm replaces its own as a whole, so these are missing: ${keys.join(', ')}`;
  return [{ ...at, message, hint: `its own: ${defaults.join(', ')}` }];
}

/** The type of a default; null: any (mlx_lm's default is None). A whole number is a fine float, not the other way round. */
function typeOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  // 0 may be a 0.0 of Python: JSON does not tell
  if (typeof value === 'number') return Number.isInteger(value) && value !== 0 ? 'int' : 'number';
  if (Array.isArray(value)) return 'array';
  return isMapping(value) ? 'object' : typeof value;
}

function fits(value: unknown, wanted: string): boolean {
  if (wanted === 'int') return Number.isInteger(value);
  if (wanted === 'number') return Number.isFinite(value);
  if (wanted === 'array') return Array.isArray(value);
  return wanted === 'object' ? isMapping(value) : typeof value === wanted;
}
