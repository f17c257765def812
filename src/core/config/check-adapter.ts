import { join } from 'node:path';
import type { From } from '../../events/phase.ts';
import type { Run } from '../../events/run.ts';
import { jsonOrNull } from '../json.ts';
import { isMapping } from '../mapping.ts';
import { foreignTensors, type ModelLayers } from '../mlx/adapted-layers.ts';
import { refusedStart } from '../mlx/python.ts';
import { notAnAdapter } from './adapter-folder.ts';
import type { ModelReader, NamedModel } from './base-model.ts';
import type { Lookups } from './lookups.ts';
import type { Finding, Looked } from './problem.ts';

type FromAdapter = Extract<From, { adapter: string }>;

/** An adapter from outside, pinned at acceptance. */
type PinnedAdapter = Extract<NonNullable<Run['from']>, { adapter: string }>;

/** Whether mlx_lm can load `from.adapter` onto the base model of the phase: its files, settings and headers. */
export async function checkAdapter(
  from: FromAdapter,
  lookups: Lookups,
  models: Pick<ModelReader, 'base' | 'layers'>,
): Promise<Looked<PinnedAdapter>> {
  const folder = lookups.absolute(from.adapter);
  const at = { path: ['from', 'adapter'], seen: from.adapter };
  const other = await noAdapter(from.adapter, lookups);
  if (other.length > 0) return { value: null, findings: other };
  const { checkpoint = null } = from;
  const files = await lookups.list(folder);
  const weights = `${checkpoint === null ? '' : `${String(checkpoint).padStart(7, '0')}_`}adapters.safetensors`;
  const findings: Finding[] = files.includes('adapter_config.json')
    ? await configFindings(folder, at, { lookups, base: await models.base() })
    : [{ ...at, message: `${folder} has no adapter_config.json` }];
  if (files.includes(weights)) {
    const message = await weightsProblem(join(folder, weights), lookups, await models.layers());
    if (message !== null) findings.push({ ...at, message });
  } else findings.push(weightsMissing(from, { folder, weights, files }));
  if (findings.length > 0) return { value: null, findings };
  const hash = await lookups.hash(folder);
  if ('message' in hash) return { value: null, findings: [{ ...at, message: hash.message }] };
  return { value: { adapter: folder, checkpoint, sha256: hash.sha256 }, findings };
}

/** A finding if `from.adapter` is not a folder, or contains something other than an adapter of mlx_lm. */
export async function noAdapter(adapter: string, lookups: Lookups): Promise<readonly Finding[]> {
  const other = await notAnAdapter(lookups.absolute(adapter), lookups);
  return other === null ? [] : [{ path: ['from', 'adapter'], seen: adapter, ...other }];
}

function weightsMissing(
  { adapter, checkpoint }: FromAdapter,
  { folder, weights, files }: { folder: string; weights: string; files: readonly string[] },
): Finding {
  const there = files.flatMap((file) => /^(\d+)_adapters\.safetensors$/.exec(file)?.[1] ?? []).map(Number);
  const sorted = there.toSorted((a, b) => a - b);
  const choose = checkpoint === undefined ? `; name one: checkpoint: ${sorted.at(-1)}` : '';
  const hint = there.length === 0 ? undefined : `its checkpoints: ${sorted.join(', ')}${choose}`;
  const place: Pick<Finding, 'path' | 'seen'> =
    checkpoint === undefined
      ? { path: ['from', 'adapter'], seen: adapter }
      : { path: ['from', 'checkpoint'], seen: checkpoint };
  return { ...place, message: `${folder} has no ${weights}`, hint };
}

/** The keys of adapter_config.json that mlx_lm's load_adapters requires. */
async function configFindings(
  folder: string,
  at: Pick<Finding, 'path' | 'seen'>,
  { lookups, base }: { lookups: Pick<Lookups, 'absolute' | 'look' | 'read'>; base: NamedModel | null },
): Promise<Finding[]> {
  const file = join(folder, 'adapter_config.json');
  const read = await lookups.read(file);
  if (!read.ok) return [{ ...at, message: read.message }];
  // TextDecoder would remove the mark.
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(read.bytes);
  const refused = refusedStart(text);
  if (refused !== null) return [{ ...at, message: `${file}: ${refused}` }];
  const config = jsonOrNull(text);
  if (!isMapping(config)) return [{ ...at, message: `${file}: not a JSON object` }];
  const other = await otherBase(config.model, base, lookups);
  if (other !== null) return [{ ...at, ...other }];
  if (config.fine_tune_type === 'full') return [];
  const { num_layers: layers, lora_layers: old, lora_parameters: parameters } = config;
  const findings: Finding[] = [];
  if (layers === undefined) {
    const message =
      old === undefined
        ? `${file}: has no num_layers, which mlx_lm needs to load the adapter`
        : `${file}: has the old key lora_layers; mlx_lm reads num_layers`;
    const hint = old === undefined ? undefined : `rename the key: "num_layers": ${JSON.stringify(old)}`;
    findings.push({ ...at, message, hint });
  }
  if (!isMapping(parameters)) {
    const message = `${file}: has no lora_parameters, which mlx_lm needs to load the adapter`;
    findings.push({
      ...at,
      message,
      hint: 'with the values of the training: "lora_parameters": {"rank": 8, "scale": 20.0, "dropout": 0.0}',
    });
  }
  return findings;
}

/** Why a file of adapter weights does not fit the model with these layers. Null if nothing is known against it. */
export async function weightsProblem(
  file: string,
  lookups: Pick<Lookups, 'inspectTensors'>,
  layers: ModelLayers | null,
): Promise<string | null> {
  const read = await lookups.inspectTensors(file);
  if (!read.ok) return `${file}: ${read.fault.problem}`;
  const foreign = layers === null || !layers.isMlx ? null : foreignTensors(read.value, layers);
  return foreign === null ? null : `${file}: ${foreign}`;
}

/**
 * Why an adapter was trained on another base model than the phase names, or null if nothing proves it. `trained` is the
 * `model` of its adapter_config.json: a model of the Hub, or a folder of the machine that trained it.
 */
async function otherBase(
  trained: unknown,
  base: NamedModel | null,
  lookups: Pick<Lookups, 'absolute' | 'look' | 'read'>,
): Promise<Pick<Finding, 'message' | 'hint'> | null> {
  if (typeof trained !== 'string' || trained === '' || base === null || trained === base.source) return null;
  const { found, source } = base;
  const folder = found.found ? found.folder : null;
  const isFromHub = found.found && found.revision !== null;
  const ours = folder === null || isFromHub ? hubName(source) : hubOfCache(folder);
  const place = lookups.absolute(trained);
  const isHere = (await lookups.look(place))?.kind === 'folder';
  const theirs = hubOfCache(trained) ?? (isHere ? null : hubName(trained));
  const differs =
    theirs !== null && ours !== null
      ? theirs.toLowerCase() !== ours.toLowerCase()
      : isHere && folder !== null && (await isOtherFolder(place, folder, lookups));
  if (!differs) return null;
  return {
    message: `the adapter was trained on ${trained}, and this phase has ${source} as its base model`,
    hint: `write model: ${trained}; or, if the two are one model, correct "model" in adapter_config.json`,
  };
}

/** `org/name` of a folder of the Hub's cache. */
function hubOfCache(folder: string): string | null {
  const cached = /\/models--([^/]+?)--([^/]+)\/snapshots\/[^/]+\/?$/.exec(folder);
  return cached === null ? null : `${cached[1]}/${cached[2]}`;
}

const hubName = (model: string): string | null => (/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(model) ? model : null);

/** Two folders on this machine contain two models if their config.json differs. */
async function isOtherFolder(one: string, other: string, lookups: Pick<Lookups, 'read'>): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map((folder) => lookups.read(join(folder, 'config.json'))));
  return a?.ok === true && b?.ok === true && Buffer.compare(a.bytes, b.bytes) !== 0;
}
