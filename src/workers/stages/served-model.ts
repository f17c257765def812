import { join } from 'node:path';
import { StageError } from '../../core/errors.ts';
import {
  type AdapterFiles,
  adapterFiles,
  finalModelOf,
  type PartStage,
  type Parts,
  placesOf,
} from '../../core/run/lineage.ts';
import { files, layChosen } from '../../events/stages/mlx.ts';
import type { Places } from '../../events/stages/stage-row.ts';
import { type Input, type Inputs, runCommands, type StageContext } from './stage.ts';

/** The parts of a run that eval may find: its last model, or an adapter on the base. */
export type Makings = Inputs<PartStage>;

/** What is served: absolute folders, verified to be complete, and content hashes as in the manifest. */
export interface Served {
  readonly model: string;
  readonly adapter: string | null;
  readonly hashes: Readonly<Record<string, string>>;
}

/** Adapter and model of a run by the absolute folders that a stage receives. */
export function partsOf(made: Makings, { run }: Pick<StageContext, 'run'>): Parts<string> {
  const folderOf = ({ folder, made: left }: Input<PartStage>): string =>
    join(folder, 'adapter' in left ? left.adapter : left.model);
  return {
    made(stage) {
      const input = made[stage];
      return input && folderOf(input);
    },
    outside: made.outside ?? null,
    fuses: run.settings.fuse.mode !== 'none',
  };
}

/** The location of each part of the run, for the commands of its row. */
export const placesIn = (context: StageContext, made: Makings): Places =>
  placesOf(context.run.run, partsOf(made, context), context);

/** Pins the run's model. `fuse.mode: none`: the base with the adapter. Throws MISSING_INPUT, INPUT_CHANGED. */
export async function servedModel(made: Makings, context: StageContext): Promise<Served> {
  const final = finalModelOf(partsOf(made, context));
  if (final === null) throw new StageError('INTERNAL', `run ${context.run.run} has no model to evaluate`);
  if (final.kind === 'adapter') return adapterOnBase(adapterFiles(final.adapter), context);
  const model = final.kind === 'made' ? final.at : final.folder.model;
  await context.proveInput(model);
  const hash = await context.hash(model);
  if (final.kind === 'outside' && final.folder.sha256 !== hash) throw changedSince(model);
  context.input('model', hash);
  return { model, adapter: null, hashes: { model: hash } };
}

/** A folder from outside is pinned by its hash at acceptance. */
const changedSince = (folder: string): StageError =>
  new StageError('INPUT_CHANGED', `${folder} has changed since the config was accepted`);

/** The hash of complete weights. Those from outside must be the ones that were accepted. */
export async function proveAdapter(adapter: AdapterFiles, context: StageContext): Promise<string> {
  const { folder, weights, sha256 } = adapter;
  const config = join(folder, files.adapterConfig);
  if ((await context.read(config)) === null) throw new StageError('MISSING_INPUT', config);
  if (sha256 !== null && (await context.hash(folder)) !== sha256) throw changedSince(folder);
  await context.proveInput(weights);
  return context.hash(weights);
}

async function adapterOnBase(adapter: AdapterFiles, context: StageContext): Promise<Served> {
  const hash = await proveAdapter(adapter, context);
  await context.proveInput(context.baseModel);
  const hashes = { base: await context.hash(context.baseModel), adapter: hash };
  for (const [name, one] of Object.entries(hashes)) context.input(name, one);
  const { folder, checkpoint } = adapter;
  if (checkpoint === null) return { model: context.baseModel, adapter: folder, hashes };
  await runCommands(layChosen(adapter), context);
  return { model: context.baseModel, adapter: join(context.dir, files.prepared), hashes };
}

/** Removes what was only laid out to be served: links are not outputs. */
export async function tidyServed(served: Served, context: StageContext): Promise<void> {
  if (served.adapter === join(context.dir, files.prepared)) await context.remove(files.prepared);
}
