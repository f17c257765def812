import * as z from 'zod';
import { phase } from '../../events/phase.ts';
import { trainSettings } from '../../events/stages/train.ts';
import { get, isMapping, type Mapping } from '../mapping.ts';
import { sections } from './check-settings.ts';
import { checkTrainKey } from './check-train.ts';
import { knownTrainSettings, type Lookups } from './lookups.ts';
import { type NullsRead, readNulls } from './nulls.ts';
import type { Path } from './problem.ts';
import type { YamlSource } from './read-yaml.ts';

/** A config as written: its variants contain sections of the phase. */
const written = phase.extend({ variants: z.record(z.string(), sections) });

/** What is wrong or doubtful about the null keys of one file: a config, or the file that it extends. */
export async function readPhaseNulls(source: YamlSource, lookups: Lookups): Promise<NullsRead> {
  const asks = trainSections(source.value).some((train) => Object.entries(train).some(isForeignNull));
  // Only mlx_lm knows its keys. A config that leaves none of them empty does not need it.
  const facts = asks ? await lookups.facts() : null;
  const defaults: Mapping = facts === null ? {} : knownTrainSettings(facts);
  return readNulls(source, {
    schema: written,
    ...(facts?.unchecked === undefined ? { further: foreignKeys(defaults) } : {}),
  });
}

const foreignKeys = (defaults: Mapping) => ({
  names: Object.keys(defaults),
  refuse: (key: string, path: Path) => checkTrainKey(key, defaults, { path }),
});

const isForeignNull = ([key, value]: [string, unknown]): boolean =>
  value === null && !Object.hasOwn(trainSettings.shape, key);

function trainSections(value: Mapping): Mapping[] {
  const variants = get(value, 'variants');
  const overlays = isMapping(variants) ? Object.values(variants) : [];
  return [value, ...overlays].map((one) => get(one, 'train')).filter(isMapping);
}
