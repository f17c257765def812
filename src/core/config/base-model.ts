import { layersOf, type ModelLayers } from '../mlx/adapted-layers.ts';
import { badPairs } from '../mlx/known-pairs.ts';
import { type ModelFault, remedy } from '../mlx/model-fault.ts';
import { type ModelFolder, supportFault } from '../mlx/model-support.ts';
import type { Facts, FoundModel, Lookups } from './lookups.ts';
import type { Finding, Path } from './problem.ts';

/** A model that a config names, as it is on this machine. */
export interface NamedModel {
  readonly source: string;
  readonly revision: string | null;
  readonly found: FoundModel;
  /** What its headers say. Null if it is not on this machine. */
  readonly folder: ModelFolder | null;
}

export type ModelReader = ReturnType<typeof modelReader>;

/** Looks models up, each once, however many sections and variants need them. `base` is what the phase itself names. */
export function modelReader(
  lookups: Pick<Lookups, 'resolveModel' | 'inspectModel'>,
  base: { readonly model?: string | undefined; readonly revision?: string | undefined },
) {
  const known = new Map<string, Promise<NamedModel>>();
  const look = async (source: string, revision: string | null): Promise<NamedModel> => {
    const found = await lookups.resolveModel(source, revision);
    return { source, revision, found, folder: found.found ? await lookups.inspectModel(found.folder) : null };
  };
  const read = (source: string, revision: string | null): Promise<NamedModel> => {
    const key = JSON.stringify([source, revision]);
    const model = known.get(key) ?? look(source, revision);
    known.set(key, model);
    return model;
  };
  const readBase = async (): Promise<NamedModel | null> =>
    base.model === undefined ? null : read(base.model, base.revision ?? null);
  return {
    read,
    /** Null if the phase names none, which is reported elsewhere. */
    base: readBase,
    /** Those of the base model. Null if it is not on this machine, or if its headers do not show them. */
    async layers(): Promise<ModelLayers | null> {
      const folder = (await readBase())?.folder;
      return folder?.whole === true ? layersOf(folder) : null;
    },
  };
}

/** Why a model on this machine cannot be used. Null if its headers and the installed mlx_lm allow it. */
export async function faultOf({ folder }: NamedModel, lookups: Lookups, trusts: boolean): Promise<ModelFault | null> {
  if (folder === null) return null;
  if (!folder.whole) return folder;
  const { model_types: loadable = null, versions } = await lookups.facts();
  return supportFault(folder, { loadable, version: versions.mlx_lm ?? '', trusts });
}

/** The fault as a problem of the config. If a download repairs it, the phase can still be planned. */
export function faultFinding(fault: ModelFault, { source, revision, found }: NamedModel, path: Path): Finding {
  const place = found.found ? found.folder : source;
  const hub = found.found && found.revision !== null ? { id: source, revision } : null;
  const hint = remedy(fault, { folder: place, hub });
  const finding = { path, seen: source, message: `${place}: ${fault.problem}`, hint };
  return fault.kind === 'missing' ? { ...finding, absent: true } : finding;
}

/** Versions that are known to fail when they train this model, one warning each. */
export function pairWarnings({ folder }: NamedModel, { versions }: Facts): string[] {
  if (folder?.whole !== true) return [];
  return badPairs(versions, folder.config).map((text) => `${text}; update mlx-lm before the run starts`);
}
