import * as z from 'zod';
import { driverSettings, trainSettings, withDefaults } from '../../events/stages/train.ts';
import { plural } from '../format.ts';
import { isMapping, type Mapping } from '../mapping.ts';
import { checkLora, type LoraScope } from './check-lora.ts';
import { checkSchedule } from './check-schedule.ts';
import { foreignKeyHint } from './foreign-keys.ts';
import { type Checked, type Finding, nothingFound, type Path, together } from './problem.ts';
import { oddSpaceHint } from './slips.ts';
import { findIssues, notAllowed, suggestion, typeWord } from './validate.ts';

/** Keys of mlx_lm that phasebox sets, and where the phase sets them instead. */
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

/** Keys of mlx_lm that a phase cannot set in `train`. */
export const ownTrainKeys: readonly string[] = Object.keys(ours);

/** mlx_lm's table of training defaults without the keys that a phase cannot set. */
export const phaseDefaults = (defaults: Mapping): Mapping =>
  Object.fromEntries(Object.entries(defaults).filter(([key]) => !Object.hasOwn(ours, key)));

export interface TrainScope extends LoraScope {
  /** Schedules of the installed mlx. Null if not known. */
  readonly schedules: readonly string[] | null;
}

/** Checks `train:` beyond its schema, with the defaults of the installed mlx_lm and the layers of the model. */
export function checkTrain(train: Mapping, scope: TrainScope): Checked {
  const { path, defaults } = scope;
  const keys = Object.entries(train).flatMap(([key, value]) => checkKey(key, value, { path, defaults }));
  const wrong = new Set(keys.map((finding) => finding.path[path.length]));
  const right = Object.fromEntries(Object.entries(train).filter(([key]) => !wrong.has(key)));
  const lora = checkLora(right, scope);
  const steps = checkSteps(right, scope);
  const { lr_schedule: schedule } = right;
  const rates = isMapping(schedule)
    ? checkSchedule(schedule, { path: [...path, 'lr_schedule'], known: scope.schedules, updates: steps.updates })
    : nothingFound;
  return together({ findings: keys, warnings: [] }, steps, lora, rates);
}

function checkKey(key: string, value: unknown, { path, defaults }: { path: Path; defaults: Mapping }): Finding[] {
  const at = { path: [...path, key], seen: value };
  const refused = checkTrainKey(key, defaults, at);
  const isChecked = Object.hasOwn(ours, key) || Object.hasOwn(trainSettings.shape, key);
  return isChecked ? refused : [...refused, ...checkValue(key, value, { defaults, at })];
}

/** mlx_lm steps its optimizer when the iteration, counted from 1, is a multiple of grad_accumulation_steps. */
function checkSteps(train: Mapping, { path, defaults }: TrainScope): Checked & { readonly updates: number } {
  const iters = Number(withDefaults(train, defaults).iters);
  const gathered = Number(train.grad_accumulation_steps ?? defaults.grad_accumulation_steps ?? 1);
  const updates = Math.floor(iters / gathered);
  const findings: Finding[] = [];
  if (updates < 1) {
    const at = { path: [...path, 'grad_accumulation_steps'], seen: train.grad_accumulation_steps };
    const message = `more than the ${iters} iterations: the optimizer would make no step and nothing would be learned`;
    findings.push({ ...at, message, hint: `allowed: 1 to ${iters}` });
  }
  if (train.val_batches === 0) {
    const message = 'mlx_lm divides by it, so the val loss would not be a number; allowed: at least 1, or -1 for all';
    findings.push({ path: [...path, 'val_batches'], seen: 0, message });
  }
  const lost = iters % gathered;
  const warning = `train: the last ${plural(lost, 'iteration')} change nothing, since iters (${iters}) is not a multiple of grad_accumulation_steps (${gathered})`;
  return { updates, findings, warnings: updates >= 1 && lost > 0 ? [warning] : [] };
}

type At = Pick<Finding, 'path' | 'seen'>;

/** A key that mlx_lm does not know, or that a phase may not set. */
export function checkTrainKey(key: string, defaults: Mapping, at: At): Finding[] {
  if (Object.hasOwn(ours, key)) return [{ ...at, message: 'phasebox sets this', hint: ours[key] }];
  if (driverSettings.some((name) => name === key)) return [];
  // Without any defaults there is no mlx_lm to compare with.
  if (Object.hasOwn(defaults, key) || Object.keys(defaults).length === 0) return [];
  const allowed = [...Object.keys(defaults).filter((name) => !Object.hasOwn(ours, name)), ...driverSettings];
  const { path } = at;
  const message = 'the installed mlx_lm does not know this key';
  const foreign = foreignKeyHint(key);
  if (foreign !== undefined) return [{ path, message, hint: foreign }];
  return [{ path, ...notAllowed(message, key, allowed.toSorted()), hint: oddSpaceHint(key, 'this key') }];
}

function checkValue(key: string, value: unknown, { defaults, at }: { defaults: Mapping; at: At }): Finding[] {
  if (key === 'fine_tune_type') return checkKind(value, at);
  if (key === 'optimizer' && typeof value === 'string') return checkOptimizer(value, defaults.optimizer_config, at);
  if (key === 'lr_schedule' && !isMapping(value)) return [{ ...at, message: `${typeWord('object')} is expected` }];
  const usual = isMapping(defaults[key]) ? '' : ` (mlx_lm's default: ${JSON.stringify(defaults[key])})`;
  const found = findIssues(schemaOf(defaults[key]), value, at.path);
  return found.map((finding) => ({ ...finding, message: `${finding.message}${usual}` }));
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

/** What a default allows. Any value if it is None in mlx_lm. A whole number is a valid float, but not the reverse. */
function schemaOf(value: unknown): z.ZodType {
  // 0 may be a 0.0 in Python, which JSON does not show
  if (typeof value === 'number') return Number.isInteger(value) && value !== 0 ? z.int() : z.number();
  if (typeof value === 'string') return z.string();
  if (typeof value === 'boolean') return z.boolean();
  if (Array.isArray(value)) return z.array(z.unknown());
  return isMapping(value) ? z.looseObject({}) : z.unknown();
}
