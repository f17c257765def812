import * as z from 'zod';
import type { SuiteResult } from '../../core/config/read-suite.ts';
import { StageError } from '../../core/errors.ts';
import { jsonOrNull } from '../../core/json.ts';
import { isProgressBar } from '../../core/mlx/mlx-log.ts';
import type { EvalPart } from '../../core/run/eval-progress.ts';
import type { Outside } from '../../core/run/lineage.ts';
import type { ChatReply, ChatRequest } from '../../core/score/chat.ts';
import type { Rendered, RenderJob } from '../../core/score/rendering.ts';
import type { SuiteScore } from '../../core/score/score.ts';
import type { Driver } from '../../events/drivers.ts';
import type { Run } from '../../events/run.ts';
import type { Command, RunCommand } from '../../events/stages/stage-row.ts';
import type { Made, StageName } from '../../events/stages.ts';
import type { Answer, Suite } from '../../events/suite.ts';

/** The output of an earlier stage as a later one reads it: paths in `made` are inside `folder` (absolute). */
export interface Input<S extends StageName> {
  readonly folder: string;
  readonly made: Made<S>;
}

/** The inputs of a stage. A stage that neither the run nor those that it comes from have is absent. */
export type Inputs<N extends StageName> = { readonly [K in N]?: Input<K> } & {
  /** The folder from outside with which the run, or the one it comes from, began. */
  readonly outside?: Outside;
};

/** The progress of a tool. Unknown values are null. */
export interface Progress {
  readonly iteration: number | null;
  readonly of: number | null;
  readonly loss: number | null;
  readonly eta_s: number | null;
  /** The current part of the stage: `checkpoint 200, 2 of 4`. Absent if it has no parts. */
  readonly part?: string;
  /** What an eval counts now. */
  readonly doing?: EvalPart;
}

/** A call of a program, detached, with its output in log.txt. In its argv, `~` and `~/x` mean the home folder. */
export interface Tool extends Omit<RunCommand, 'does'> {
  readonly env?: Readonly<Record<string, string>>;
  /** Where it runs. If absent, in the stage's folder. */
  readonly cwd?: string;
  /** Never resumed from an earlier process of phasebox: a running one is stopped first, and it starts from scratch. */
  readonly fresh?: boolean;
  /** Called for each line of the log, also split at \r. If it throws, the tool is stopped and the attempt fails. */
  readonly onLine?: (line: string) => void;
  /** A file next to the log to which the tool appends lines, which are read in the same way. */
  readonly events?: { readonly file: string; readonly onLine: (line: string) => void };
  /** Exit codes besides 0 that are results and not failures. */
  readonly codes?: readonly number[];
  /** Starts once more in the folder of a call that has ended, whose files stay. */
  readonly again?: boolean;
}

/** A model server of our own that was verified to be the process we started. */
export interface ModelServer {
  /** http://127.0.0.1:PORT */
  readonly url: string;
  /** Time-outs and HTTP 400 are replies. Throws WRONG_SERVER, CONNECTION_RESET, SERVER_DIED, TOOL_FAILED. */
  ask(request: ChatRequest): Promise<ChatReply>;
  /** Throws SERVER_DIED or CALL_SWALLOWED if its process or its log says so. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** A model to serve, and the folder (inside the attempt's) of its server's log. */
export interface ServeOptions {
  readonly name: string;
  readonly model: string;
  readonly adapter?: string;
}

/** The programs that a stage can run. */
export interface Tools {
  /** The user's Python, with mlx_lm. */
  readonly python: string;
  /** Versions of the tools: `python`, `mlx`, `mlx_lm` ... -> version. */
  readonly versions: Readonly<Record<string, string>>;
  /** Bytes that a training may use. */
  readonly memoryLimit: number;
  /** Absolute path of one of phasebox's own drivers around mlx_lm. */
  driver(name: Driver): string;
  /** Runs a tool to its end, and returns its exit code. One that is not expected throws the StageError that its log shows. */
  tool(tool: Tool): Promise<number>;
  serve(options: ServeOptions): Promise<ModelServer>;
  /** Renders prompts with chat templates, for the date of the run's phase as in `serve`. Never throws. */
  render(jobs: readonly RenderJob[]): Promise<readonly Rendered[]>;
}

/** Files inside `dir` (`name` relative), or inside a folder that `shared` gave (`name` absolute). */
export interface OwnFiles {
  write(name: string, text: string): Promise<void>;
  append(name: string, text: string): Promise<void>;
  /** Any text file, or null if it does not exist. */
  read(path: string): Promise<string | null>;
  list(folder: string): Promise<readonly string[]>;
  /** A symbolic link to `target` (absolute). Replaces what already has the name. */
  link(target: string, name: string): Promise<void>;
  /** A copy of `from` (absolute), which takes no space if the disk allows it. Replaces what has the name. */
  copy(from: string, name: string): Promise<void>;
  /** Deletes a file or folder. What does not exist counts as deleted. */
  remove(name: string): Promise<void>;
}

/** Checks of files and answers that take long or need the disk. */
export interface Proofs {
  /** A path as a person wrote it, relative to `folder`. `~` is the home folder. */
  absolute(path: string, folder: string): string;
  /** Content hash (sha256) of a file or folder, kept by size, mtime and inode. */
  hash(path: string): Promise<string>;
  /** Checks by its headers that a model or .safetensors file of the stage is complete. Throws OUTPUT_DAMAGED. */
  prove(path: string): Promise<void>;
  /** The same for an input of the stage. Throws MISSING_INPUT, INPUT_CHANGED. */
  proveInput(path: string): Promise<void>;
  /** Whether an adapter (with its adapter_config.json) adds zero to every layer: io/model/idle-adapter.ts. */
  addsNothing(weights: string): Promise<boolean>;
  /** A suite from its text, or everything that is wrong in it. */
  suite(text: string, file: string): Promise<SuiteResult>;
  /** The score of answers by a suite's own rules. Throws BAD_SETTINGS if a pattern of the suite does not end. */
  score(suite: Suite, answers: readonly Answer[], repeats: number): Promise<SuiteScore>;
}

/** What a stage reports while it works. */
export interface Reports {
  /** Records an input in the manifest: name -> content hash. */
  input(name: string, sha256: string): void;
  /** A warning for the log, the manifest and the row. */
  warn(text: string): void;
  progress(progress: Progress): void;
  /** Notes that the folder has held what it holds now and `more` bytes, which a look every second may have missed. */
  held(more: number): Promise<void>;
  /** Notes where a training resumed, once for each `at` (seconds since 1970). */
  resumed(iteration: number, at: number): Promise<void>;
  /** A line for the job's log on the dashboard. */
  log(line: string): void;
}

/** Everything outside of itself that a stage may use. */
export interface StageContext extends Tools, OwnFiles, Proofs, Reports {
  readonly run: Run;
  readonly attempt: number;
  /** A new folder (absolute) that becomes the stage's folder when the attempt is committed. */
  readonly dir: string;
  /** The workspace's root (absolute): relative paths from people start there. */
  readonly workspace: string;
  readonly signal: AbortSignal;
  /** Absolute folder of the base model. Throws MISSING_INPUT if it is not on this machine. */
  readonly baseModel: string;
  /** Marks outputs of this run's committed stage as removed, then deletes them. Returns the freed bytes. */
  removeOutputs(stage: StageName, paths: readonly string[]): Promise<number>;
  /** artifacts/base/<key>: the folder if it is committed and `holds`, else made by `make` and committed. */
  shared(key: string, work: SharedWork): Promise<string>;
}

/** How a shared folder is made. `make` finds in `dir` what an earlier try left, and resumes from it. */
export interface SharedWork {
  readonly make: (dir: string) => Promise<void>;
  /** False if the existing content cannot be used (damaged, or of an older version). Then it is made again. */
  readonly holds: (dir: string) => Promise<boolean>;
  /** Keys of earlier versions for the same: if one exists and `holds`, nothing is made. */
  readonly older?: readonly string[];
}

/** The work of a stage, exported as `stage` by `workers/stages/<name>.ts`. The runner checks, commits and emits. */
export interface Stage<S extends StageName = StageName, N extends StageName = StageName> {
  readonly name: S;
  /** Earlier stages that it reads, of its own run or of those it comes from. */
  readonly needs: readonly N[];
  /** Works in `context.dir`. Throws if it fails. */
  run(made: Inputs<N>, context: StageContext): Promise<Made<S>>;
  /** Exit code 0 proves nothing: this checks the outputs before they are committed. */
  verify?(made: Made<S>, context: StageContext): Promise<void>;
}

/** A JSON file that a tool wrote (absolute path). Throws OUTPUT_DAMAGED if it is absent, or not what the schema says. */
export async function readOutput<T>(context: StageContext, path: string, schema: z.ZodType<T>): Promise<T> {
  const text = await context.read(path);
  if (text === null) throw new StageError('OUTPUT_DAMAGED', `${path}: does not exist`);
  const value = jsonOrNull(text);
  if (value === null) throw new StageError('OUTPUT_DAMAGED', `${path}: it is not valid JSON`);
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  throw new StageError('OUTPUT_DAMAGED', `${path}: ${z.prettifyError(read.error)}`);
}

/** Does one step of a stage as its row describes it. `more` says how its tool is watched. */
export async function runCommand(
  command: Command,
  context: StageContext,
  more: Pick<Tool, 'onLine' | 'cwd' | 'fresh'> = {},
): Promise<void> {
  switch (command.does) {
    case 'run': {
      const { does: _does, ...tool } = command;
      await context.tool({ ...tool, ...more });
      return;
    }
    case 'link':
      return context.link(command.target, command.name);
    case 'remove':
      return context.remove(command.name);
    case 'write':
      return context.write(command.name, command.text);
    case 'serve':
      throw new Error('a server is asked while it runs: context.serve');
  }
}

/** All steps of a stage, one after the other. The output of its tools goes to the job's log. */
export async function runCommands(commands: readonly Command[], context: StageContext): Promise<void> {
  const onLine = (line: string): void => {
    if (!isProgressBar(line)) context.log(line);
  };
  for (const command of commands) await runCommand(command, context, { onLine });
}

/** The same context for a part of a stage, with other reports. Not spread: a run without a base model has no `baseModel`. */
export const reporting = (context: StageContext, reports: Partial<Reports>): StageContext =>
  Object.assign(Object.create(context) as StageContext, reports);
