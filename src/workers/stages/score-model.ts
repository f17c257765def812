import { dirname, join } from 'node:path';
import { asStageError, catalogue, StageError } from '../../core/errors.ts';
import { requestModel } from '../../core/score/chat.ts';
import { type OutsideScore, scoreByCommand, scoreByEngine, scorerInput } from '../../core/score/scorer.ts';
import type { Score } from '../../events/score.ts';
import type { Answer } from '../../events/suite.ts';
import { askSuite, type EvalSetup, scoreAnswers, tellOfErrors } from './ask-suite.ts';
import type { ModelServer, ServeOptions, StageContext, Tool } from './stage.ts';

export interface ModelToScore {
  /** Absolute. Its answers and scores go there. */
  readonly dir: string;
  /** Begins the names of its tools. */
  readonly prefix: string;
  /** Name of its server: the folder of its log. */
  readonly server: string;
  /** Absolute folders. */
  readonly model: string;
  readonly adapter: string | null;
  /** Determines the seeds of sampled answers. */
  readonly seed: number;
  /** Called before anything else, since a server that has answered before rounds differently. It can be null. */
  readonly first: ((server: ModelServer) => Promise<void>) | null;
}

/** The answers, or (`eval.engine`) the output of the engine. */
export const answersFile = 'answers.jsonl';

/** Serves a model and scores it: by the suite's rules, its scorer, or `eval.engine`. The answers are in `dir`. */
export async function scoreModel(context: StageContext, setup: EvalSetup, candidate: ModelToScore): Promise<Score> {
  const { server: name, model, adapter, dir, prefix, seed, first } = candidate;
  const { engine } = setup.settings;
  const serve = <T>(work: (server: ModelServer) => Promise<T>): Promise<T> =>
    withServer(context, { name, model, ...(adapter === null ? {} : { adapter }) }, async (server) => {
      await first?.(server);
      const result = await work(server);
      await server.check();
      return result;
    });
  if (engine?.server === false) {
    if (first !== null) await serve(async () => undefined);
    return runEngine(context, setup, { ...candidate, url: null });
  }
  if (engine !== undefined)
    return serve(({ url, check }) =>
      runEngine(context, setup, { ...candidate, url }).catch(async (error: unknown) => {
        // If the server died, that is why the engine failed: then both start again.
        await check();
        throw error;
      }),
    );
  const file = join(dir, answersFile);
  const answers = await serve((server) => askSuite(context, { setup, server, file, seed }));
  return scoreKept(context, setup, { answers, dir, prefix });
}

/** How often a server that dies is started again within one attempt. After that the attempt has failed. */
const restarts = 2;

/**
 * Serves a model while `work` uses it. Afterwards the server has stopped, whatever happened. If it dies, it is started
 * again, with its log next to the new one's, and `work` starts again: prompts with recorded answers are not sent again.
 */
export async function withServer<T>(
  context: StageContext,
  options: ServeOptions,
  work: (server: ModelServer) => Promise<T>,
): Promise<T> {
  for (let nth = 1; ; nth++) {
    const name = nth === 1 ? options.name : `${options.name}.${nth}`;
    try {
      const server = await context.serve({ ...options, name });
      try {
        return await work(server);
      } finally {
        await server.close();
      }
    } catch (error) {
      const { code, message } = asStageError(error);
      if (code !== 'SERVER_DIED' || nth > restarts) throw error;
      context.warn(`the model server was started again (${name}: ${message.split('\n', 1)[0]})`);
    }
  }
}

/** The score of a complete set of answers, by the suite's scorer if it has one. Throws BAD_SETTINGS, TOOL_FAILED. */
export async function scoreKept(
  context: StageContext,
  setup: EvalSetup,
  kept: Pick<ModelToScore, 'dir' | 'prefix'> & { readonly answers: readonly Answer[] },
): Promise<Score> {
  const { suite, settings } = setup;
  if (suite.scorer === undefined) return scoreAnswers(context, setup, kept.answers);
  tellOfErrors(context, setup, kept.answers);
  const [input, output] = [join(kept.dir, 'scorer-input.jsonl'), join(kept.dir, scoresFile)];
  await context.write(input, scorerInput(suite, kept.answers));
  const cwd = dirname(settings.suite);
  const { command } = suite.scorer;
  const shell = ['sh', '-c', 'input=$1 output=$2; shift 2; exec "$@" <"$input" >"$output"', 'scorer', input, output];
  const tool = { name: `${kept.prefix}scorer`, argv: [...shell, ...command], cwd, fresh: true };
  await run(context, tool, `the suite's scorer (${shortOf(command)})`);
  const text = (await context.read(output)) ?? '';
  const scored = scoreByCommand(suite, kept.answers, { text, repeats: settings.repeats });
  return scoreOf(scored, `the output of the suite's scorer cannot be used (${output})`);
}

/** The scorer's output, next to the answers. */
export const scoresFile = 'scores.jsonl';

/** Runs `eval.engine`, which asks and scores. Without `url` it loads the model. Throws BAD_SETTINGS, TOOL_FAILED. */
async function runEngine(
  context: StageContext,
  setup: EvalSetup,
  { dir, prefix, model, adapter, url }: ModelToScore & { readonly url: string | null },
): Promise<Score> {
  const file = join(dir, answersFile);
  const { command = [] } = setup.settings.engine ?? {};
  // The output of an earlier try does not belong to this one.
  await context.write(file, '');
  const env = {
    PHASEBOX_RESULTS: file,
    PHASEBOX_MODEL: requestModel,
    PHASEBOX_MODEL_DIR: model,
    PHASEBOX_PYTHON: context.python,
    ...(adapter !== null && { PHASEBOX_ADAPTER_DIR: adapter }),
    ...(url !== null && { PHASEBOX_BASE_URL: url }),
  };
  const tool = { name: `${prefix}engine`, argv: command, env, cwd: context.workspace, fresh: true };
  const onLine = (line: string): void => context.log(line);
  await run(context, { ...tool, loadsModel: url === null, onLine }, `eval.engine (${shortOf(command)})`);
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
    if (!(error instanceof StageError) || error.code !== 'TOOL_FAILED') throw error;
    const detail = error.message.slice(catalogue.TOOL_FAILED.what.length + 2);
    throw new StageError('TOOL_FAILED', `${whose}: ${detail}`, { cause: error });
  }
}
