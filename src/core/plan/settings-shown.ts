import type { Run } from '../../events/run.ts';
import { isMapping, isSame, type Mapping } from '../config/mapping.ts';
import { shownAt } from '../secrets.ts';

/** A setting of mlx_lm as a run uses it. `differs`: from mlx_lm's own default. */
export interface TrainSetting {
  readonly name: string;
  readonly value: unknown;
  /** Undefined: not known, since mlx_lm was not asked. Null: none. */
  readonly byDefault: unknown;
  readonly differs: boolean;
}

/** mlx_lm's keys that are phasebox's to set. */
const ours = ['model', 'data', 'seed', 'adapter_path', 'train', 'config', 'test', 'test_batches', 'report_to', 'wandb'];

/** All settings of the training, those that are set first, in the config's order. `defaults` null: not known. */
export function trainSettings(train: NonNullable<Run['settings']['train']>, defaults: Mapping | null): TrainSetting[] {
  const set = Object.entries(train).filter(([, value]) => value !== undefined && value !== null);
  const names = [...set.map(([name]) => name), ...Object.keys(defaults ?? {})];
  return [...new Set(names)]
    .filter((name) => !ours.includes(name))
    .map((name) => {
      const byDefault = defaults === null ? undefined : (defaults[name] ?? null);
      const value = train[name] ?? byDefault;
      return { name, value, byDefault, differs: !isSame(value, byDefault) };
    });
}

/** False for nothing, in however many mappings: `null`, `{ adam: {}, sgd: {} }`. */
export const saysSomething = (value: unknown): boolean => leaves(value, '').length > 0;

/** A value on one line, as it would be written in a config: small numbers as `1e-5`. */
export function valueText(value: unknown): string {
  if (typeof value === 'number' && value !== 0 && Math.abs(value) < 0.001) return value.toExponential();
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}

export interface Difference {
  readonly path: string;
  /** Null: not set there. */
  readonly before: unknown;
  readonly after: unknown;
}

function leaves(value: unknown, path: string): [string, unknown][] {
  if (!isMapping(value)) return value === undefined || value === null ? [] : [[path, value]];
  return Object.entries(value).flatMap(([key, item]) => leaves(item, path === '' ? key : `${path}.${key}`));
}

/** Names and texts: what a phase is called is no difference of what it does. */
const labels = ['phase', 'title', 'hypothesis', 'notes', 'extends'];

/** A resolved phase with mlx_lm's defaults filled in, so that a default that is written out is no difference. */
function complete(config: Mapping, defaults: Mapping): Mapping {
  const { train } = config;
  const kept = Object.entries(config).filter(([key]) => !labels.includes(key));
  const own = Object.fromEntries(Object.entries(defaults).filter(([key]) => !ours.includes(key)));
  return { ...Object.fromEntries(kept), ...(isMapping(train) ? { train: { ...own, ...train } } : {}) };
}

/** What differs between two resolved phases, setting by setting, in the order of the second. */
export function differences(before: Mapping, after: Mapping, defaults: Mapping): Difference[] {
  const [from, to] = [before, after].map((config) => new Map(leaves(complete(config, defaults), '')));
  const paths = [...new Set([...(to?.keys() ?? []), ...(from?.keys() ?? [])])];
  return paths
    .map((path) => ({ path, before: from?.get(path) ?? null, after: to?.get(path) ?? null }))
    .filter((one) => !isSame(one.before, one.after))
    .map(({ path, before, after }) => ({ path, before: shownAt(path, before), after: shownAt(path, after) }));
}
