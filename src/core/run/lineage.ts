import { join } from 'node:path';
import type { Origin, Run } from '../../events/run.ts';
import { checkpointFile, files } from '../../events/stages/mlx.ts';
import type { Machine, Places } from '../../events/stages/stage-row.ts';
import { type StageName, stageNames } from '../../events/stages.ts';

/** A run that begins after a stage of another one. */
export type Branch = Extract<Origin, { readonly run: string }>;
/** A folder from outside with which a run begins. Its hash was taken when the config was accepted. */
export type Outside = Exclude<Origin, Branch>;
export type OutsideAdapter = Extract<Outside, { readonly adapter: string }>;

/** What decides where the parts of a run come from. */
export interface Descendant extends Pick<Run, 'run' | 'chain' | 'from'> {
  readonly settings: Pick<Run['settings'], 'fuse'>;
}

type Find<R> = (run: string) => R | undefined;
type AdapterStage = 'train' | 'select';
type ModelStage = 'fuse' | 'quantize';
export type PartStage = AdapterStage | ModelStage;

/** Adapter and model of a run, by the stages that made them. `T` is what the caller knows of such a stage. */
export interface Parts<T> {
  /** The output of a stage, of the run itself or of one that it comes from. Undefined if none of them has the stage. */
  made(stage: PartStage): T | undefined;
  /** The folder with which the run, or the one it comes from, began. Null if it began with training. */
  readonly outside: Outside | null;
  readonly fuses: boolean;
}

export interface Lineage<T> extends Parts<T> {
  made(stage: StageName): T | undefined;
}

export type Adapter<T> =
  | { readonly kind: 'made'; readonly stage: AdapterStage; readonly at: T }
  | { readonly kind: 'outside'; readonly folder: OutsideAdapter };

/** The model that is evaluated, served and exported: a whole one, or the base with an adapter. */
export type FinalModel<T> =
  | { readonly kind: 'made'; readonly stage: ModelStage; readonly at: T }
  | { readonly kind: 'outside'; readonly folder: Exclude<Outside, OutsideAdapter> }
  | { readonly kind: 'adapter'; readonly adapter: Adapter<T> };

/** The run and stage after which a run begins. Null if it comes from no other run. */
export const branchOf = ({ from }: Pick<Run, 'from'>): Branch | null => (from !== null && 'run' in from ? from : null);

/** A run and those that it comes from, the nearest first. One that is not found ends the list. */
export function withSources<R extends Pick<Run, 'from'>>(run: R, find: Find<R>): R[] {
  const runs: R[] = [];
  // A run.json that was written by hand may lead back to a run in the list.
  for (let at: R | undefined = run; at !== undefined && !runs.includes(at); ) {
    runs.push(at);
    const branch = branchOf(at);
    at = branch === null ? undefined : find(branch.run);
  }
  return runs;
}

/** The runs of other phases that start from runs of this one. What they make would be lost or change with it. */
export const readersOf = <R extends Pick<Run, 'run' | 'phase' | 'from'>>(runs: readonly R[], phase: string): R[] => {
  const own = new Set(runs.filter((run) => run.phase === phase).map(({ run }) => run));
  return runs.filter((run) => run.phase !== phase && own.has(branchOf(run)?.run ?? ''));
};

const isAfter = (a: StageName, b: StageName): boolean => stageNames.indexOf(a) > stageNames.indexOf(b);

/** Each stage that a run reads, with what `at` says of the run that makes it. */
export function lineageOf<R extends Descendant, T>(
  run: R,
  { find, at }: { readonly find: Find<R>; readonly at: (maker: R, stage: StageName) => T | undefined },
): Lineage<T> {
  const runs = withSources(run, find);
  const first = runs.at(-1)?.from ?? null;
  return {
    made(stage) {
      for (const one of runs) {
        if (one.chain.includes(stage)) return at(one, stage);
        const branch = branchOf(one);
        // What the source did after that stage does not belong to this run.
        if (branch === null || isAfter(stage, branch.after)) return undefined;
      }
      return undefined;
    },
    outside: first !== null && 'run' in first ? null : first,
    fuses: run.settings.fuse.mode !== 'none',
  };
}

function lastMade<T, S extends PartStage>(parts: Parts<T>, stages: readonly S[]) {
  for (const stage of stages) {
    const at = parts.made(stage);
    if (at !== undefined) return { kind: 'made', stage, at } as const;
  }
  return null;
}

/** The adapter of a run: the chosen checkpoint, the end of the training, or the folder with which it began. */
export function adapterOf<T>(parts: Parts<T>): Adapter<T> | null {
  const { outside } = parts;
  const given = outside !== null && 'adapter' in outside ? ({ kind: 'outside', folder: outside } as const) : null;
  return lastMade(parts, ['select', 'train']) ?? given;
}

/** The final model of a run. Null if none of its stages makes one. */
export function finalModelOf<T>(parts: Parts<T>): FinalModel<T> | null {
  const adapter = adapterOf(parts);
  // A variant without fusing may come from a run with a fused model, which is not its own.
  if (!parts.fuses && adapter !== null) return { kind: 'adapter', adapter };
  const { outside } = parts;
  const given = outside !== null && 'model' in outside ? ({ kind: 'outside', folder: outside } as const) : null;
  return lastMade(parts, ['quantize', 'fuse']) ?? given;
}

/** An adapter and the model into which it was fused. Null if the run lacks one of them. */
export function fusedAdapter<T>(parts: Parts<T>): { readonly adapter: Adapter<T>; readonly final: T } | null {
  const [adapter, final] = [adapterOf(parts), finalModelOf(parts)];
  return adapter === null || final?.kind !== 'made' ? null : { adapter, final: final.at };
}

export interface AdapterFiles {
  readonly folder: string;
  /** For a folder from outside: the requested checkpoint. Null if the weights have the name that mlx_lm loads. */
  readonly checkpoint: number | null;
  /** The file with the weights: its name in `folder`, and its path. */
  readonly file: string;
  readonly weights: string;
  /** For a folder from outside: its content hash when the config was accepted. */
  readonly sha256: string | null;
}

/** The files of an adapter whose stage is known by its adapter folder. */
export function adapterFiles(adapter: Adapter<string>): AdapterFiles {
  const { folder, checkpoint, sha256 } =
    adapter.kind === 'made'
      ? { folder: adapter.at, checkpoint: null, sha256: null }
      : { ...adapter.folder, folder: adapter.folder.adapter };
  const file = checkpoint === null ? files.weights : checkpointFile(checkpoint);
  return { folder, checkpoint, file, weights: join(folder, file), sha256 };
}

/** The stage that makes the final model of a run in its own folder. Null if none of its own stages does. */
export const ownModelStage = (chain: readonly StageName[]): ModelStage | null =>
  chain.includes('quantize') ? 'quantize' : chain.includes('fuse') ? 'fuse' : null;

/** The location of each part of a run, for the commands of its stages. Reading a part that it lacks throws. */
export function placesOf(run: string, parts: Parts<string>, programs: Machine): Places {
  const given = <T>(part: T | null | undefined, what: string): T => {
    if (part === null || part === undefined) throw new Error(`run ${run} has no ${what}`);
    return part;
  };
  return {
    python: programs.python,
    driver: (name) => programs.driver(name),
    memoryLimit: programs.memoryLimit,
    // A run that starts from a whole model may have no base model.
    get baseModel() {
      return programs.baseModel;
    },
    made: (stage) => given(parts.made(stage), `stage ${stage} to read from`),
    get adapter() {
      return adapterFiles(given(adapterOf(parts), 'adapter'));
    },
    get judged() {
      const final = given(finalModelOf(parts), 'model to judge');
      if (final.kind === 'adapter') return { model: programs.baseModel, adapter: adapterFiles(final.adapter) };
      return { model: final.kind === 'made' ? final.at : final.folder.model, adapter: null };
    },
    get fused() {
      const fused = fusedAdapter(parts);
      if (fused === null) return null;
      const { folder, file } = adapterFiles(fused.adapter);
      return { adapter: folder, weights: file, final: fused.final };
    },
  };
}
