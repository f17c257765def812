import { once } from 'node:events';
import { connect } from 'node:net';
import { answer as answerLine, type Request, type RequestAnswer } from '../../events/request.ts';
import { hasCode } from '../disk/files.ts';
import { lineOf, linesOf, linesOfRequest } from './request-lines.ts';

/** The result of sending a request. `not_begun`: nothing was done. `lost`: the owner died after it had begun. */
export type Sent =
  | { readonly kind: 'answered'; readonly answer: RequestAnswer }
  | { readonly kind: 'not_begun' | 'lost' | 'not_allowed' };

/** Sends a request to the owner of a workspace and waits for its answer, however long that takes. */
export async function sendRequest(path: string, request: Request): Promise<Sent> {
  const socket = connect(path);
  let begun = false;
  try {
    await once(socket, 'connect');
    socket.on('error', () => undefined); // seen below, where the lines end
    for (const line of linesOfRequest(request)) socket.write(line);
    for await (const line of linesOf(socket)) {
      const answer = answerLine.parse(JSON.parse(line));
      if (answer.kind !== 'ready') return { kind: 'answered', answer };
      begun = true;
      socket.write(lineOf({ kind: 'go' }));
    }
  } catch (error) {
    if (hasCode(error, 'EACCES', 'EPERM')) return { kind: 'not_allowed' };
    // The owner has ended, or its queue of connections is full.
    if (!(error instanceof Error && 'code' in error)) throw error;
  } finally {
    socket.destroy();
  }
  return { kind: begun ? 'lost' : 'not_begun' };
}
