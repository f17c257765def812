import { asStageError } from '../../core/errors.ts';
import type { ModelServer, StageContext } from './stage.ts';

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
