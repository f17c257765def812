import type * as z from 'zod';

/** What a failed attempt carries over to the next one, beside its logs. Everything else is made again. */
export interface Carried {
  /** Files and folders. The last one is what counts; those before say what it was made from, so they are moved first. */
  readonly moved: readonly string[];
  /** Names of the files in them, at any depth. */
  readonly files: readonly string[];
}

/** The absolute path of a path as a person wrote it. */
export type Absolute = (path: string) => string;

/** Sizes of what a run makes, in bytes and in numbers of files. */
export interface Sizes {
  /** A model folder. `bits` null: unquantised. */
  model(bits: number | null, group: number): number;
  /** One file of adapter weights. 0: not known, or nothing is trained. */
  readonly adapter: number;
  /** How many numbered checkpoints the training writes. */
  readonly checkpoints: number;
  /** How many checkpoints there are to choose from. */
  readonly saved: number;
}

/** What the time of a stage depends on. `steps`: rows of data that the training goes through. */
export interface Work<S = unknown> {
  readonly settings: S;
  readonly steps: number;
}

/** Config, profile and log of a tool; a log line a report. */
export const logBytes = 16 * 2 ** 10;
/** The answers to a suite. */
export const answerBytes = 48 * 2 ** 10;

/** All that is known of a stage before it runs. `Settings`: those that a phase may set. */
export interface StageRow {
  readonly settings: z.ZodType;
  /** The settings as a section of a config. Null: it has no section. */
  readonly section: z.ZodType | null;
  /** The settings as run.json keeps them. */
  readonly kept: z.ZodType | null;
  /** What a committed stage leaves behind. Paths are inside its folder. */
  readonly makes: z.ZodType;
  /** Another run may begin after it. */
  readonly branches: boolean;
  /** It has a part in making the model, so a run that starts from a whole model does not need it. */
  readonly makesModel: boolean;
  /** It loads a model, so it waits while another run of this machine does. */
  readonly loadsModel: boolean;
  readonly carries: Carried | null;
}

const nothingCarried: Carried | null = null;

/** A row says only what is not usual. */
export const usual = {
  branches: false,
  makesModel: false,
  loadsModel: true,
  carries: nothingCarried,
  /** The settings with absolute paths. */
  resolve: <S>(settings: S, _absolute: Absolute): S => settings,
  /** Bytes that it writes into its folder, at its end the most: what is reserved before it starts. */
  bytes: (_run: unknown, _sizes: Sizes): number => 0,
  /** Bytes of earlier stages that it deletes. */
  frees: (_run: unknown, _sizes: Sizes): number => 0,
  /** By what the time of another run is multiplied to be that of this one. Null: they cannot be compared. */
  timeFactor: (_own: unknown, _other: unknown): number | null => 1,
};
