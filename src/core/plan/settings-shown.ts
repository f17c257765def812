import type { Run } from '../../events/run.ts';
import { type ChangedValue, differences, isMapping, isSame, type Mapping, withoutUnset } from '../mapping.ts';
import { shownAt } from '../secrets.ts';

/** A setting of mlx_lm as a run uses it. `differs`: from mlx_lm's own default. */
export interface TrainSetting {
  readonly name: string;
  readonly value: unknown;
  /** Undefined if not known, since mlx_lm was not asked. Null if there is none. */
  readonly byDefault: unknown;
  readonly differs: boolean;
}

/** All settings of the training: first the given ones, in the config's order. `defaults` is null if not known. */
export function trainSettings(train: NonNullable<Run['settings']['train']>, defaults: Mapping | null): TrainSetting[] {
  const set = Object.entries(train).filter(([, value]) => value !== undefined && value !== null);
  const names = [...set.map(([name]) => name), ...Object.keys(defaults ?? {})];
  return [...new Set(names)].map((name) => {
    const byDefault = defaults === null ? undefined : (defaults[name] ?? null);
    const value = train[name] ?? byDefault;
    return { name, value, byDefault, differs: !isSame(value, byDefault) };
  });
}

/** Names and texts, which do not change what a phase does. */
const labels = ['phase', 'title', 'hypothesis', 'notes', 'extends'];

/** A resolved phase with mlx_lm's defaults filled in, so that an explicit default is not a difference. */
function complete(config: Mapping, defaults: Mapping): Mapping {
  const { train } = config;
  const kept = Object.entries(config).filter(([key]) => !labels.includes(key));
  return { ...Object.fromEntries(kept), ...(isMapping(train) ? { train: { ...defaults, ...train } } : {}) };
}

/** The settings that differ between two resolved phases. Null means not set. */
export const settingDifferences = (before: Mapping, after: Mapping, defaults: Mapping): ChangedValue[] =>
  differences(withoutUnset(complete(before, defaults)), withoutUnset(complete(after, defaults))).map((one) => ({
    path: one.path,
    before: shownAt(one.path, one.before ?? null),
    after: shownAt(one.path, one.after ?? null),
  }));
