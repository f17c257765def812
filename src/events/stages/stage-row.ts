import type * as z from 'zod';
import type { Driver } from '../drivers.ts';

/** What a failed attempt passes to the next one, apart from its logs. Everything else is made again. */
export interface Carried {
  /** What it is, after `resumes from its`. */
  readonly called: string;
  /** Files and folders. The last has the results. Those before it say what it was made from, so they move first. */
  readonly moved: readonly string[];
  /** Names of the files in them, at any depth. A `*` stands for any text. */
  readonly files: readonly string[];
  /** Codes of failures (core/errors.ts) after which nothing of it can be used, in addition to those of every stage. */
  readonly spoiledBy?: readonly string[];
}

/** Whether a name is one of `files`. */
export const isCarried = (files: readonly string[], name: string): boolean =>
  files.some((pattern) => {
    const [start = '', end] = pattern.split('*');
    if (end === undefined) return name === pattern;
    return name.length >= start.length + end.length && name.startsWith(start) && name.endsWith(end);
  });

/** The absolute path of a path as a person wrote it. */
export type Absolute = (path: string) => string;

/** Sizes of what a run makes, in bytes and in numbers of files. */
export interface Sizes {
  /** A model folder. `bits` of null means unquantized. */
  model(bits: number | null, group: number): number;
  /** One file of adapter weights. 0 if not known, or if nothing is trained. */
  readonly adapter: number;
  /** How many numbered checkpoints the training writes. */
  readonly checkpoints: number;
  /** How many checkpoints can be chosen. */
  readonly saved: number;
}

/**
 * What the time of a stage follows from: how fast a machine is with a model (seconds), and how much there is to do. Only
 * ratios count where a stage was measured before; without a measurement the speeds are a rule of thumb.
 */
export interface Pace {
  /** Starting a tool that loads the base model. */
  readonly load: number;
  /** One iteration of the training, with its batch, and one batch of a validation. */
  readonly iteration: number;
  readonly validation: number;
  /** One token of an answer. */
  readonly token: number;
  /** Parameters of the model, in 10^9. */
  readonly billions: number;
  /** Prompts of the suite, and of the suite that chooses a checkpoint. */
  readonly prompts: number;
  readonly choosing: number;
  /** Rows of valid.jsonl. */
  readonly validRows: number;
  /** The eval asks the base model too, because no earlier run of these settings did. */
  readonly asksBase: boolean;
}

/** A program of a stage. `name` is the folder of its log. The main tool has none: its log is in the stage's folder. */
export interface RunCommand {
  readonly does: 'run';
  readonly name?: string;
  readonly argv: readonly string[];
  /** Only one such tool runs on a machine at a time. */
  readonly loadsModel?: boolean;
  /** The user's own program: it may be silent for as long as it takes. */
  readonly ofUser?: boolean;
  /** A command of mlx_lm alone that gives the same result, for `plan`. */
  readonly plain?: readonly string[];
}

/** One step of a stage, in its folder. `plan` prints it, and the worker runs it. */
export type Command =
  | RunCommand
  | { readonly does: 'write'; readonly name: string; readonly text: string }
  | { readonly does: 'link'; readonly target: string; readonly name: string }
  | { readonly does: 'remove'; readonly name: string }
  | { readonly does: 'serve'; readonly model: string; readonly adapter: string | null };

/** The programs that commands call, and the folder of the base model. */
export interface Programs {
  readonly python: string;
  driver(name: Driver): string;
  readonly baseModel: string;
}

/** The programs, and what the machine gives them. */
export interface Machine extends Programs {
  /** Bytes that a training may use. */
  readonly memoryLimit: number;
}

/** An adapter. `checkpoint` is one of several from outside, or null if `file` has the name that mlx_lm loads. */
export interface AdapterAt {
  readonly folder: string;
  readonly file: string;
  readonly checkpoint: number | null;
}

/** Paths for a stage's commands, of the run and of those it comes from. Reading one that it lacks throws. */
export interface Places extends Machine {
  /** The adapter of a training, or the model of a fuse. */
  made(stage: 'train' | 'fuse'): string;
  readonly adapter: AdapterAt;
  /** The model to evaluate. `adapter` is served on top of it. */
  readonly judged: { readonly model: string; readonly adapter: AdapterAt | null };
  /** An adapter and the model into which it was fused. Null if the run lacks one of them. */
  readonly fused: { readonly adapter: string; readonly weights: string; readonly final: string } | null;
}

/** Config, profile and log of a tool, with one log line per report. */
export const logBytes = 16 * 2 ** 10;
/** Tokens of an answer that ends on its own, as far as nothing is known. */
const usualAnswer = 256;
/** Seconds of the answers to so many questions. A server that answers several at once gains less than their number. */
export const answerSeconds = (
  questions: number,
  { max_tokens, concurrency }: { readonly max_tokens: number; readonly concurrency: number },
  { token }: Pace,
): number => (questions * Math.min(max_tokens, usualAnswer) * token) / Math.sqrt(concurrency);

/** The answers to a suite. */
export const answerBytes = 48 * 2 ** 10;

/** What is known of a stage before it runs. Its functions are called with a run, or with the settings of one. */
export interface StageRow {
  /** Its place in the chain and the number of its folder. It never changes, since old workspaces have it in their paths. */
  readonly place: number;
  /** What a phase may set. */
  readonly settings: z.ZodType;
  /** The settings as a section of a config. Null if it has no section. */
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
  /** A file in the attempt's folder whose existence asks the main tool to save its state and to end. */
  readonly pauseFile: string | null;
  /** Whether a run has it. `before` has the earlier stages of its chain. */
  wanted(settings: never, before: readonly string[]): boolean;
  /** The settings with absolute paths. */
  resolve(settings: never, absolute: Absolute): unknown;
  /** The most bytes that it writes into its folder, at its end: reserved before it starts. */
  bytes(run: never, sizes: Sizes): number;
  /** Bytes that it deletes at its end, of its own and of earlier stages. */
  frees(run: never, sizes: Sizes): number;
  /** What it does, step by step. */
  commands(run: never, at: Places): Command[];
  /** The seconds that it takes at a pace. */
  seconds(run: never, pace: Pace): number;
}

const nothingCarried: Carried | null = null;
const noPauseFile: string | null = null;

/** Defaults for rows, which only set what differs. */
export const usual = {
  branches: false,
  makesModel: false,
  loadsModel: true,
  carries: nothingCarried,
  pauseFile: noPauseFile,
  resolve: <S>(settings: S, _absolute: Absolute): S => settings,
  bytes: (_run: unknown, _sizes: Sizes): number => 0,
  frees: (_run: unknown, _sizes: Sizes): number => 0,
  commands: (_run: unknown, _at: Places): Command[] => [],
  seconds: (_run: unknown, _pace: Pace): number => 1,
};
