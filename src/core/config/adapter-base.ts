import { join } from 'node:path';
import type { NamedModel } from './base-model.ts';
import type { Lookups } from './lookups.ts';

/**
 * Why an adapter was trained on another base model than the phase names. `trained` is the `model` of its
 * adapter_config.json: a model of the Hub, or a folder of the machine that trained it.
 * @returns null if it is the same model, or if nothing proves that it is another one.
 */
export async function otherBase(
  trained: unknown,
  base: NamedModel | null,
  lookups: Pick<Lookups, 'absolute' | 'look' | 'read'>,
): Promise<{ readonly message: string; readonly hint: string } | null> {
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
