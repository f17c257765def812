import { StageError } from '../../core/errors.ts';
import type { ChatReply, ChatRequest } from '../../core/score/chat.ts';
import { clearControl } from '../tool/tool-process.ts';
import { askModel } from './chat.ts';
import { type Child, closeServer, type ServerStart, spawnServer } from './server-child.ts';
import { awaitReady } from './server-ready.ts';

/** A child process that was verified to be the one that answers at `url`. */
export interface RunningServer {
  readonly url: string;
  /** A request for it is only in the log of our child process, which verifies the server. */
  readonly nonce: string;
  ask(request: ChatRequest): Promise<ChatReply>;
  check(): Promise<void>;
  close(): Promise<void>;
}

const portAttempts = 5;

/**
 * Starts mlx_lm's server on a free port. Returns when the model is loaded and the answers are verified to come from our
 * child process. Throws SERVER_DIED, WRONG_SERVER, STOPPED, or a code from the log (OUT_OF_MEMORY ...).
 */
export async function startModelServer(start: ServerStart): Promise<RunningServer> {
  for (let attempt = 1; ; attempt += 1) {
    const child = await spawnServer(start);
    try {
      const { nonce } = await awaitReady(child, start);
      if (nonce !== null) return running(child, start, nonce);
    } catch (error) {
      await closeServer(child, start);
      throw error;
    }
    await closeServer(child, start);
    // A port can only be lost between our check and the child's bind. Five times in a row is not an accident.
    if (attempt === portAttempts)
      throw new StageError(
        'WRONG_SERVER',
        `${portAttempts} free ports were taken by others before the server had them`,
      );
    await clearControl(start.dir);
  }
}

function running(child: Child, start: ServerStart, nonce: string): RunningServer {
  return {
    url: child.url,
    nonce,
    ask: (request) => askModel(request, { url: child.url, signal: child.signal, broken: child.broken }),
    check: child.check,
    close: () => closeServer(child, start),
  };
}
