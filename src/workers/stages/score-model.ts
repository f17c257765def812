import { join } from 'node:path';
import { asStageError } from '../../core/errors.ts';
import type { Score } from '../../events/score.ts';
import { askSuite, type EvalSetup } from './ask-suite.ts';
import { type OutputPlace, runEngine, scoreKept } from './outside-score.ts';
import type { ModelServer, StageContext } from './stage.ts';

/** One model and where its answers go. */
export interface ModelToScore extends OutputPlace {
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
  const file = join(dir, answersFile);
  const serve = <T>(work: (server: ModelServer) => Promise<T>): Promise<T> =>
    withServer(context, { name, model, ...(adapter === null ? {} : { adapter }) }, async (server) => {
      await first?.(server);
      const result = await work(server);
      await server.check();
      return result;
    });
  if (engine?.server === false) {
    if (first !== null) await serve(async () => undefined);
    return runEngine(context, setup, { judged: { url: null, model, adapter }, file, prefix });
  }
  if (engine !== undefined)
    return serve(({ url, check }) =>
      runEngine(context, setup, { judged: { url, model, adapter }, file, prefix }).catch(async (error: unknown) => {
        // If the server died, that is why the engine failed: then both start again.
        await check();
        throw error;
      }),
    );
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
  options: Parameters<StageContext['serve']>[0],
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
