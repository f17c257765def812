import { isMapping, type Mapping } from '../mapping.ts';
import type { ModelLayers } from '../mlx/adapted-layers.ts';
import { foreignLora } from './foreign-keys.ts';
import { type Checked, type Finding, nothingFound, type Path, together } from './problem.ts';
import { notAllowed } from './validate.ts';

export interface LoraScope {
  /** Path of the train section. */
  readonly path: Path;
  /** mlx_lm's own defaults of the train section. */
  readonly defaults: Mapping;
  /** Of the base model. Null if it is not on this machine yet. */
  readonly layers: ModelLayers | null;
}

/** Which layers the training adapts, and whether what it adds to them can be other than zero. */
export function checkLora(train: Mapping, scope: LoraScope): Checked {
  const { lora_parameters: parameters = scope.defaults.lora_parameters } = train;
  const given = isMapping(parameters) ? parameters : {};
  const own = isMapping(train.lora_parameters);
  return together(
    own ? checkParameters(given, train.fine_tune_type === 'dora', scope) : nothingFound,
    checkLayers(train, given, scope),
  );
}

function checkParameters(given: Mapping, isDora: boolean, { path, defaults }: LoraScope): Checked {
  const at = (key: string): Pick<Finding, 'path' | 'seen'> => ({
    path: [...path, 'lora_parameters', key],
    seen: given[key],
  });
  const usual = isMapping(defaults.lora_parameters) ? defaults.lora_parameters : {};
  const allowed = [...new Set([...Object.keys(usual), 'rank', 'scale', 'dropout', 'keys'])];
  const foreign = Object.keys(given).filter((key) => !allowed.includes(key));
  const findings: Finding[] = [
    ...missing(given, usual, path),
    ...foreign.map((key) => ({ ...at(key), ...ignored(key, given, allowed) })),
  ];
  const warnings: string[] = [];
  const { rank, scale, dropout, keys = null } = given;
  if (rank !== undefined && !(Number.isInteger(rank) && Number(rank) >= 0))
    findings.push({ ...at('rank'), message: 'a whole number from 1 on is expected' });
  if (scale !== undefined && !Number.isFinite(scale))
    findings.push({ ...at('scale'), message: 'a number is expected' });
  if (dropout !== undefined && !(Number.isFinite(dropout) && Number(dropout) >= 0 && Number(dropout) < 1))
    findings.push({ ...at('dropout'), message: 'allowed: a number from 0 to below 1' });
  if (keys !== null && !(Array.isArray(keys) && keys.every((key) => typeof key === 'string')))
    findings.push({ ...at('keys'), message: 'a list of layer names is expected, e.g. [self_attn.q_proj]' });
  else if (Array.isArray(keys) && keys.length === 0)
    findings.push({ ...at('keys'), message: 'an empty list adapts no layer', hint: 'leave keys out for every layer' });
  for (const key of ['rank', 'scale'].filter((one) => given[one] === 0)) {
    if (isDora) warnings.push(`train.lora_parameters.${key} is 0: DoRA then learns only the magnitudes`);
    else findings.push({ ...at(key), message: `with ${key} 0 the adapter is zero, whatever is learned` });
  }
  return { findings, warnings };
}

/** mlx_lm replaces the section as a whole: an omitted key is missing and does not get its default. */
function missing(given: Mapping, usual: Mapping, path: Path): Finding[] {
  const absent = Object.entries(usual).filter(([key]) => !Object.hasOwn(given, key));
  if (absent.length === 0) return [];
  const [keys, defaults] = [absent.map(([key]) => key), absent.map(([key, is]) => `${key}: ${JSON.stringify(is)}`)];
  const message = `it replaces all of mlx_lm's defaults, so these are missing: ${keys.join(', ')}`;
  const hint = `add mlx_lm's defaults: ${defaults.join(', ')}`;
  return [{ path: [...path, 'lora_parameters'], seen: given, message, hint }];
}

function ignored(key: string, given: Mapping, allowed: readonly string[]) {
  const name = foreignLora[key];
  if (name === undefined) return notAllowed('mlx_lm ignores this key', key, allowed);
  const message = `mlx_lm ignores ${key}; its own key is ${name}`;
  const [alpha, rank] = [given[key], given.rank ?? given.r];
  if (name !== 'scale') return { message };
  const scale = typeof alpha === 'number' && typeof rank === 'number' && rank > 0 ? `: ${alpha / rank}` : '';
  return { message, hint: `scale is ${key} / rank: write scale${scale}` };
}

/** The last `num_layers` blocks and the keys in them, selected as by mlx_lm's linear_to_lora_layers. */
function checkLayers(train: Mapping, given: Mapping, { path, defaults, layers }: LoraScope): Checked {
  const wanted = Number(train.num_layers ?? defaults.num_layers ?? Number.NaN);
  const zero = train.num_layers === 0 ? ['train.num_layers is 0, which mlx_lm reads as all layers (as -1)'] : [];
  if (layers === null || layers.count === null) return { findings: [], warnings: zero };
  const { count } = layers;
  if (wanted > count) {
    const usual = train.num_layers === undefined ? `if it is omitted, mlx_lm adapts ${wanted} layers, but ` : '';
    const message = `${usual}the model has ${count} layers; allowed: 1 to ${count}, or -1 for all`;
    return { findings: [{ path: [...path, 'num_layers'], seen: train.num_layers, message }], warnings: zero };
  }
  const first = wanted > 0 ? count - wanted : 0;
  const keys = Array.isArray(given.keys) ? given.keys.filter((key) => typeof key === 'string') : null;
  const checked = keys === null ? nothingFound : checkKeys(keys, { path, layers, first });
  return together(checked, { findings: expertsInDora(train, { path, layers, first, keys }), warnings: zero });
}

interface Blocks {
  readonly path: Path;
  readonly layers: ModelLayers;
  /** The first block that is adapted. */
  readonly first: number;
}

/** Where a key leads: to a layer that can be adapted, to one that cannot (`block` contains layers), or nowhere. */
type Leads = 'linear' | 'block' | 'vector' | 'nowhere';

function leads(key: string, { layers, first }: Blocks): Leads {
  if (layers.paths.has(key)) return 'linear';
  const inReach = [...layers.inner].filter(([, { blocks }]) => [...blocks].some((block) => block >= first));
  const found = inReach.find(([name]) => name === key);
  if (found !== undefined) return found[1].dimensions > 1 ? 'linear' : 'vector';
  return inReach.some(([name]) => name.startsWith(`${key}.`)) ? 'block' : 'nowhere';
}

const mostNames = 12;

function checkKeys(keys: readonly string[], blocks: Blocks): Checked {
  const { layers, path, first } = blocks;
  const found = keys.map((key) => ({ key, to: leads(key, blocks) }));
  const usable = [...layers.inner].filter(([, one]) => one.dimensions > 1 && [...one.blocks].some((b) => b >= first));
  const names = `its layers: ${usable
    .map(([name]) => name)
    .slice(0, mostNames)
    .join(', ')}`;
  const lost = found.filter(({ to }) => to === 'nowhere').map(({ key }) => key);
  const at = { path: [...path, 'lora_parameters', 'keys'], hint: names };
  if (!layers.isMlx) {
    const all = lost.length === keys.length && lost.length > 0;
    const doubt = `train.lora_parameters.keys: no layer of the model's files is named ${lost.join(', ')}; ${names}`;
    return { findings: [], warnings: all ? [doubt] : [] };
  }
  const odd = found.filter(({ to }) => to === 'block' || to === 'vector');
  const findings: Finding[] = odd.map(({ key, to }) => ({
    ...at,
    seen: key,
    message:
      to === 'block'
        ? `${key} is a block of layers; mlx_lm only adapts single layers`
        : `${key} is not a linear layer, so mlx_lm cannot adapt it`,
  }));
  if (lost.length === keys.length)
    findings.push({ ...at, seen: keys, message: 'no layer that is adapted has one of these names' });
  const some = lost.length > 0 && lost.length < keys.length;
  const warning = `train.lora_parameters.keys: no layer is named ${lost.join(', ')}; only the other keys are adapted`;
  return { findings, warnings: some ? [warning] : [] };
}

/** mlx_lm has no DoRA for a stack of experts, and stops. */
function expertsInDora(train: Mapping, { path, layers, first, keys }: Blocks & { keys: string[] | null }): Finding[] {
  if (train.fine_tune_type !== 'dora' || !layers.isMlx) return [];
  const stack = [...layers.inner].find(
    ([name, { blocks, dimensions }]) =>
      /(?:^|\.)switch_/.test(name) &&
      dimensions > 2 &&
      [...blocks].some((block) => block >= first) &&
      (keys === null || keys.includes(name)),
  );
  if (stack === undefined) return [];
  const message = `mlx_lm has no DoRA for the experts of a model (${stack[0]}); allowed here: lora`;
  const hint = 'or name layers without experts in lora_parameters.keys';
  return [{ path: [...path, 'fine_tune_type'], seen: 'dora', message, hint }];
}
