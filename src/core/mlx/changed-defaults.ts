import type { Run } from '../../events/run.ts';
import { plural } from '../format.ts';
import { isSame, type Mapping } from '../mapping.ts';
import { valueText } from '../printable.ts';

/** A warning if an updated mlx_lm trained with other defaults. `used` are those in adapter_config.json. */
export function changedDefaults({ settings, train_defaults }: Run, used: Mapping): string | null {
  const changed = Object.entries(train_defaults ?? {}).flatMap(([name, value]) => {
    const isSet = (settings.train?.[name] ?? null) !== null;
    if (isSet || !Object.hasOwn(used, name) || isSame(value ?? null, used[name] ?? null)) return [];
    return [`${name} ${valueText(used[name])} instead of ${valueText(value)}`];
  });
  if (changed.length === 0) return null;
  return `mlx_lm was changed after this run was accepted, and ${plural(changed.length, 'default')} with it: trained with ${changed.join(', ')}. Set them in the config to keep them.`;
}
