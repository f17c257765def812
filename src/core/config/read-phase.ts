import * as z from 'zod';
import { phase } from '../../events/phase.ts';
import { trainSettings } from '../../events/stages/train.ts';
import { isStage, modelSections, sectionsUntil } from '../../events/stages.ts';
import { get, getAt, isMapping, type Mapping } from '../mapping.ts';
import { sections } from './check-settings.ts';
import { checkTrainKey } from './check-train.ts';
import { knownTrainSettings, type Lookups } from './lookups.ts';
import { isTrainKey } from './lora-config.ts';
import { type NullsRead, readNulls } from './nulls.ts';
import type { Finding, Path } from './problem.ts';
import type { YamlSource } from './read-yaml.ts';
import { validate } from './validate.ts';

/** Names that look like numbers or words of YAML are read as written. */
const names = ['phase', 'extends', 'revision', 'baseline', 'baseline.name', 'baseline.suite', 'from.run'];
const namePaths = names.map((name) => name.split('.'));

export const usable = phase.partial({ phase: true });
/** A phase without the parts that are wrong. */
export type UsablePhase = z.infer<typeof usable>;

/** How a phase begins if not at train. */
export type FromKind = 'run' | 'model' | 'adapter';

/** The mapping with its names as written: `4e3`, `no`, `43`. */
export function asWritten(source: YamlSource): Mapping {
  return namePaths.reduce<Mapping>((value, path) => {
    const text = source.text(path);
    return text === undefined || typeof getAt(value, path) === 'string' ? value : replaceAt(value, path, text);
  }, source.value);
}

function replaceAt(value: Mapping, [key, ...rest]: readonly string[], text: string): Mapping {
  const entries = Object.entries(value).map(([name, item]): [string, unknown] => {
    if (name !== key) return [name, item];
    return [name, rest.length > 0 && isMapping(item) ? replaceAt(item, rest, text) : text];
  });
  return Object.fromEntries(entries);
}

/** `from: { run: .. }` -> run. Null if the phase begins at train, or if it is not known. */
export function fromKind(raw: Mapping): FromKind | null {
  const kinds = (['run', 'model', 'adapter'] as const).filter((kind) => get(raw.from, kind) !== undefined);
  return kinds.length === 1 ? (kinds[0] ?? null) : null;
}

/** Checks a merged config with its schema. `own` is what the file itself says, without what it extends. */
export function readPhase(raw: Mapping, own: Mapping): { readonly value: UsablePhase; readonly findings: Finding[] } {
  const { value, findings } = validate(usable, raw);
  return {
    value: value ?? usable.parse({}),
    findings: [...findings.map(withPlace), ...missing(raw), ...unwanted(raw, own)],
  };
}

/** A training setting outside of `train` is an unknown key. */
function withPlace(finding: Finding): Finding {
  const [key, ...rest] = finding.path;
  if (rest.length > 0 || typeof key !== 'string' || !isTrainKey(key)) return finding;
  return {
    ...finding,
    message: 'unknown key',
    hint: 'it is a training setting: write it in `train:`',
    allowed: undefined,
  };
}

function missing(raw: Mapping): Finding[] {
  const kind = fromKind(raw);
  const required: readonly (readonly [string, string])[] = [
    ['phase', 'the name of the experiment'],
    ...(kind === null && raw.from === undefined ? startKeys : []),
    ...(kind === 'adapter' ? startKeys.filter(([key]) => key === 'model') : []),
    ...(raw.eval === undefined ? ([['eval.suite', 'the suite of prompts that scores the model']] as const) : []),
  ];
  return required
    .filter(([key]) => raw[key] === undefined)
    .map(([key, what]) => ({ path: key.split('.'), missing: true, message: `required: ${what}` }));
}

const startKeys = [
  ['model', 'the base model, a folder or a hub id'],
  ['data', 'the folder with train.jsonl and valid.jsonl'],
  ['train', "mlx_lm's training settings (`train: {}` for all its defaults)"],
] as const;

/** Sections that a phase with `from` may not have: they come from what it starts from. */
export function takenBy(kind: FromKind | null, after: unknown): readonly string[] {
  if (kind === null) return [];
  if (kind !== 'run') return ['train'];
  return ['model', 'revision', 'download', 'data', 'min_rows', ...(isStage(after) ? sectionsUntil(after) : ['train'])];
}

function unwanted(raw: Mapping, own: Mapping): Finding[] {
  const kind = fromKind(raw);
  return takenBy(kind, get(raw.from, 'after'))
    .filter((key) => own[key] !== undefined && own[key] !== null)
    .map((key) => ({
      path: [key],
      seen: own[key],
      message:
        kind === 'run'
          ? 'not allowed with from.run: the run brings its own'
          : `not allowed with from.${kind}: nothing is trained`,
      hint: `leave ${key} out, or leave from out to begin at train`,
    }));
}

/** Sections that have no use in a phase that begins elsewhere. They are reported and are not faults. */
export function unusedKeys(raw: Mapping, own: Mapping): string[] {
  const kind = fromKind(raw);
  if (kind === null || kind === 'run') return [];
  const unused = ['data', 'min_rows', ...(kind === 'model' ? modelSections.filter((name) => name !== 'train') : [])];
  return unused.filter((key) => own[key] !== undefined && own[key] !== null);
}

/** What a phase inherits by `extends`, without what its own `from` brings or makes useless. */
export function inheritable(base: Mapping, own: Mapping): Mapping {
  const kind = fromKind(own);
  const dropped = [
    ...takenBy(kind, get(own.from, 'after')),
    ...(kind === 'adapter' ? ['data', 'min_rows', 'select'] : []),
    ...(kind === 'model' ? ['data', 'min_rows', 'model', 'revision', 'download', ...modelSections] : []),
  ];
  return Object.fromEntries(Object.entries(base).filter(([key]) => !dropped.includes(key)));
}

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
