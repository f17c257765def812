import * as z from 'zod';
import type { PhaseRecord, Run } from '../../events/run.ts';
import type { ModelFault } from '../mlx/model-fault.ts';
import { type ModelFolder, modelTypes } from '../mlx/model-support.ts';
import { pythonHere } from '../mlx/python-fit.ts';
import type { Tensor } from '../mlx/safetensors.ts';
import type { Rendered, RenderJob } from '../score/rendering.ts';
import type { SuiteResult } from './read-suite.ts';
import type { Yaml } from './read-yaml.ts';
import type { ScannedFile, Wanted } from './scan-rows.ts';

/** The output of python/facts.py: versions by name, mlx_lm's own table of training settings, and what it can load. */
export const facts = z.looseObject({
  /** Packages that are not installed are absent. */
  versions: z
    .record(z.string(), z.string().nullable())
    .transform((versions) =>
      Object.fromEntries(Object.entries(versions).filter((entry): entry is [string, string] => entry[1] !== null)),
    ),
  defaults: z.record(z.string(), z.unknown()),
  /** Absent or null if not known. Then it is not checked. */
  model_types: modelTypes.nullish(),
  /** Names that `train.lr_schedule` may have. Absent or null if not known. */
  schedules: z.array(z.string()).nullish(),
  /** Training settings that `defaults` lacks: the keys of a data row (`prompt_feature` -> `prompt`). */
  row_features: z.record(z.string(), z.string()).optional(),
  here: pythonHere.optional(),
  /** Where its packages are installed. Their names change with an update. */
  folders: z.array(z.string()).optional(),
  /** Why this Python could not be asked. Then versions and defaults are empty, and nothing is compared with them. */
  unchecked: z.string().optional(),
});
export type Facts = z.infer<typeof facts>;

/** Every training setting that the installed mlx_lm reads, with its default. */
export const knownTrainSettings = ({ defaults, row_features }: Facts): Readonly<Record<string, unknown>> => ({
  ...defaults,
  ...row_features,
});

/** A base model on this machine. `revision` is the commit of a hub model, or null for a folder. */
export type FoundModel =
  | { readonly found: true; readonly folder: string; readonly revision: string | null }
  | {
      readonly found: false;
      /** `hub`: can be fetched. `folder`: a local folder. `unusable`: an invalid name, or fetching changes nothing. */
      readonly kind: 'hub' | 'folder' | 'unusable';
      readonly message: string;
      /** What to do, with the command that fetches it. */
      readonly hint: string;
    };

export type InspectedTensors =
  | { readonly ok: true; readonly value: readonly Tensor[] }
  | { readonly ok: false; readonly fault: ModelFault };

/** What a path leads to (links followed), or null. */
export type Entry = { readonly kind: 'file' | 'folder' | 'other'; readonly bytes: number } | null;

/** A text file of at most 1 MB. `message` says why it cannot be read. */
export type FileBytes =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly message: string };

export interface RowsCall extends Wanted {
  /** Absolute paths of .jsonl files, in the order in which they are read. */
  readonly paths: readonly string[];
  /** Milliseconds after which reading stops, for all files together. */
  readonly limit_ms: number;
}

/** A file that was read. `whole` is false if the time was over before its end. */
export interface ReadRows extends ScannedFile {
  readonly whole: boolean;
}

/** Everything that a config may refer to outside of itself. Paths are absolute unless stated otherwise. */
export interface Lookups {
  /** A path as written in a config: relative to the workspace, `~` for the home folder. */
  absolute(path: string): string;
  /** True for a path inside the workspace. */
  isInside(path: string): boolean;
  look(path: string): Promise<Entry>;
  list(folder: string): Promise<readonly string[]>;
  read(path: string): Promise<FileBytes>;
  /** The results of `readYaml` and `readSuite` for a file, however long they take. */
  yaml(bytes: Uint8Array, file: string): Promise<Yaml>;
  suite(bytes: Uint8Array, file: string): Promise<SuiteResult>;
  /** Throws CommandError if there is no Python or no mlx_lm, unless the lookups allow that (`unchecked`). */
  facts(): Promise<Facts>;
  resolveModel(source: string, revision: string | null): Promise<FoundModel>;
  /** A model folder by its headers: complete, or what is wrong with it. */
  inspectModel(folder: string): Promise<ModelFolder>;
  /** The tensors of one .safetensors file by its header. */
  inspectTensors(file: string): Promise<InspectedTensors>;
  /** Prompts rendered with the chat templates of these models, one result per job. Never throws. */
  render(jobs: readonly RenderJob[]): Promise<readonly Rendered[]>;
  /** Files of training examples as far as they can be read within the limit. `message` says why one cannot be opened. */
  rows(call: RowsCall): Promise<readonly ReadRows[] | { readonly message: string }>;
  /** Content hash of a file or folder. `message` says why it cannot be read completely. */
  hash(path: string): Promise<{ readonly sha256: string } | { readonly message: string }>;
  /** What was accepted under a name, in any case, or null. */
  phaseRecord(name: string): Promise<PhaseRecord | null>;
  phaseNames(): Promise<readonly string[]>;
  /** The plan of a run, or null if there is none. */
  runPlan(id: string): Promise<RunPlan | null>;
}

/** A run as its config plans it: all of run.json except for what acceptance adds. */
export type RunDraft = Omit<Run, 'version' | 'number' | 'accepted' | 'file'>;

/** What a later run needs to know of the one it starts from. */
export type RunPlan = Pick<
  Run,
  'run' | 'model' | 'data' | 'from' | 'chain' | 'settings' | 'train_defaults' | 'min_rows'
>;

/** A config that was read earlier in the same drop. For those after it, it counts as accepted. */
export interface EarlierPhase {
  readonly phase: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly runs: readonly RunDraft[];
}

/** Lookups that also know the phases of the same drop. They take precedence over accepted ones. */
export function withEarlier(lookups: Lookups, earlier: readonly EarlierPhase[]): Lookups {
  const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
  return {
    ...lookups,
    async phaseRecord(name) {
      const phase = earlier.findLast((one) => same(one.phase, name));
      return phase === undefined ? lookups.phaseRecord(name) : asRecord(phase);
    },
    async phaseNames() {
      return [...new Set([...(await lookups.phaseNames()), ...earlier.map(({ phase }) => phase)])];
    },
    async runPlan(id) {
      const run = earlier.flatMap(({ runs }) => runs).findLast((one) => same(one.run, id));
      return run ?? lookups.runPlan(id);
    },
  };
}

function asRecord({ phase, config, runs }: EarlierPhase): PhaseRecord {
  const ids = runs.map(({ run }) => run);
  return { version: 1, phase, accepted: '', file: '', config: { ...config }, criteria_sha256: '', runs: ids };
}
