import { dirname, join } from 'node:path';
import { catalogue, StageError } from '../../core/errors.ts';
import { requestModel } from '../../core/score/chat.ts';
import { wordsOfCommand } from '../../core/score/eval-identity.ts';
import { type OutsideScore, scoreByCommand, scoreByEngine, scorerInput } from '../../core/score/scorer.ts';
import type { Score } from '../../events/score.ts';
import type { Answer } from '../../events/suite.ts';
import { type EvalSetup, scoreAnswers, tellOfErrors } from './ask-suite.ts';
import type { StageContext, Tool } from './stage.ts';

/** Where a model is scored. `prefix` begins the names of its tools. */
export interface OutputPlace {
  /** Absolute. */
  readonly dir: string;
  readonly prefix: string;
}

/** What an engine evaluates: absolute folders. If `url` is null, it loads the model itself, alone on the machine. */
export interface EngineModel {
  readonly url: string | null;
  readonly model: string;
  readonly adapter: string | null;
}

/**
 * sha256 of the files that the suite's scorer (paths from the suite's folder) and the engine (from the workspace) name
 * in their commands, by `scorer WORD` and `engine WORD`, recorded in the manifest. Folders are left out.
 */
export async function commandFiles(context: StageContext, setup: EvalSetup): Promise<Record<string, string>> {
  const { engine } = setup.settings;
  const places = [
    { kind: 'scorer', command: setup.suite.scorer?.command ?? [], folder: dirname(setup.settings.suite) },
    { kind: 'engine', command: engine?.command ?? [], folder: context.workspace },
  ];
  const files: Record<string, string> = {};
  for (const { kind, command, folder } of places)
    for (const word of wordsOfCommand(command)) {
      const hash = await fileHash(context, context.absolute(word, folder));
      if (hash !== null) files[`${kind} ${word}`] = hash;
    }
  for (const [name, hash] of Object.entries(files)) context.input(name, hash);
  return files;
}

/** Null if it does not exist, or is a folder: most words of a command are not files. */
async function fileHash(context: StageContext, path: string): Promise<string | null> {
  const folder = await context.list(path).then(
    () => true,
    () => false,
  );
  return folder ? null : context.hash(path).catch(() => null);
}

/** The score of a complete set of answers, by the suite's scorer if it has one. Throws BAD_SETTINGS, TOOL_FAILED. */
export async function scoreKept(
  context: StageContext,
  setup: EvalSetup,
  kept: OutputPlace & { readonly answers: readonly Answer[] },
): Promise<Score> {
  const { suite, settings } = setup;
  if (suite.scorer === undefined) return scoreAnswers(context, setup, kept.answers);
  tellOfErrors(context, setup, kept.answers);
  const [input, output] = [join(kept.dir, 'scorer-input.jsonl'), join(kept.dir, scoresFile)];
  await context.write(input, scorerInput(suite, kept.answers));
  const cwd = dirname(settings.suite);
  const { command } = suite.scorer;
  const argv = ['sh', '-c', 'input=$1 output=$2; shift 2; exec "$@" <"$input" >"$output"', 'scorer', input, output];
  await run(
    context,
    { name: `${kept.prefix}scorer`, argv: [...argv, ...command], cwd, fresh: true },
    `the suite's scorer (${shortOf(command)})`,
  );
  const text = (await context.read(output)) ?? '';
  const scored = scoreByCommand(suite, kept.answers, { text, repeats: settings.repeats });
  return scoreOf(scored, `the output of the suite's scorer cannot be used (${output})`);
}

/** The scorer's output, next to the answers. */
export const scoresFile = 'scores.jsonl';

/** Runs `eval.engine`, which asks and scores. Its output is `file` (absolute). Throws BAD_SETTINGS, TOOL_FAILED. */
export async function runEngine(
  context: StageContext,
  setup: EvalSetup,
  { judged, file, prefix }: { readonly judged: EngineModel; readonly file: string; readonly prefix: string },
): Promise<Score> {
  const { command = [] } = setup.settings.engine ?? {};
  // The output of an earlier try does not belong to this one.
  await context.write(file, '');
  const env = {
    PHASEBOX_RESULTS: file,
    PHASEBOX_MODEL: requestModel,
    PHASEBOX_MODEL_DIR: judged.model,
    PHASEBOX_PYTHON: context.python,
    ...(judged.adapter !== null && { PHASEBOX_ADAPTER_DIR: judged.adapter }),
    ...(judged.url !== null && { PHASEBOX_BASE_URL: judged.url }),
  };
  const tool = { name: `${prefix}engine`, argv: command, env, cwd: context.workspace, fresh: true };
  const onLine = (line: string): void => context.log(line);
  await run(context, { ...tool, loadsModel: judged.url === null, onLine }, `eval.engine (${shortOf(command)})`);
  return readEngine(context, setup, file);
}

/** The score in an engine's output. Throws BAD_SETTINGS with the lines that cannot be used. */
export async function readEngine(context: StageContext, { suite }: EvalSetup, file: string): Promise<Score> {
  const scored = scoreByEngine(suite, (await context.read(file)) ?? '');
  return scoreOf(scored, `what eval.engine wrote to $PHASEBOX_RESULTS cannot be used (${file})`);
}

const mostShown = 5;

function scoreOf(scored: OutsideScore, what: string): Score {
  if (scored.ok) return scored.score;
  const more = scored.problems.length - mostShown;
  const shown = [...scored.problems.slice(0, mostShown), ...(more > 0 ? [`and ${more} more`] : [])];
  throw new StageError('BAD_SETTINGS', `${what}: ${shown.join('; ')}`);
}

const longest = 80;

/** A command on one short line. */
function shortOf(command: readonly string[]): string {
  const line = command.join(' ').replace(/\s+/g, ' ');
  return line.length > longest ? `${line.slice(0, longest)}...` : line;
}

/** A tool of the user: its failure says which one it is. */
async function run(context: StageContext, tool: Tool, whose: string): Promise<void> {
  try {
    await context.tool(tool);
  } catch (error) {
    if (error instanceof StageError && error.code === 'TOOL_FAILED')
      throw new StageError('TOOL_FAILED', `${whose}: ${error.message.slice(catalogue.TOOL_FAILED.what.length + 2)}`, {
        cause: error,
      });
    throw error;
  }
}
