import type { Socket } from 'node:net';
import { parsedOrNull } from '../../core/json.ts';
import { type Request, request as requestLine, type SubmittedFile } from '../../events/request.ts';

/* Requests and answers as JSON lines on the owner's socket. */

/** The incoming lines, until the other side closes. Throws at one that is longer than `longest` bytes. */
export async function* linesOf(socket: Socket, longest = Number.POSITIVE_INFINITY): AsyncGenerator<string> {
  let [begun, size]: [Buffer[], number] = [[], 0];
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      yield Buffer.concat([...begun, chunk.subarray(from, end)]).toString();
      [begun, size, from] = [[], 0, end + 1];
    }
    begun.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > longest) throw new Error(`a line is longer than ${longest} bytes`);
  }
}

export const lineOf = (message: object): string => `${JSON.stringify(message)}\n`;

/** A request as the lines to send. */
export function* linesOfRequest(request: Request): Generator<string> {
  if (request.kind !== 'submit') return yield lineOf(request);
  const { kind, again, files } = request;
  yield lineOf({ kind, files: files.length, again });
  for (const { name, bytes, problem } of files)
    yield lineOf({ kind: 'file', name, base64: Buffer.from(bytes).toString('base64'), problem });
}

/** The largest line: a config of 1 MB as base64, and its name. */
export const longestLine = 2_000_000;
/** All files of one submission together. */
export const mostSubmittedBytes = 256_000_000;

const unknown = 'unknown request: `phasebox up` and the command are of different versions';

/** The complete request, or what is wrong with it. Null if the other side closed before it was complete. */
export async function readRequest(lines: AsyncGenerator<string>): Promise<Request | string | null> {
  const first = await nextLine(lines);
  if (first === null || first === 'unknown') return first && unknown;
  if (first.kind === 'file' || first.kind === 'go') return unknown;
  if (first.kind !== 'submit') return first;
  const files: SubmittedFile[] = [];
  for (let bytes = 0; files.length < first.files; bytes += files.at(-1)?.bytes.length ?? 0) {
    const line = await nextLine(lines);
    if (line === null) return null;
    if (line === 'unknown' || line.kind !== 'file') return unknown;
    if (bytes > mostSubmittedBytes) return `more than ${mostSubmittedBytes} bytes at once`;
    files.push({ name: line.name, bytes: Buffer.from(line.base64, 'base64'), problem: line.problem });
  }
  return { kind: 'submit', again: first.again, files };
}

/** True if the command still waits for its request. */
export async function confirmed(lines: AsyncGenerator<string>): Promise<boolean> {
  const line = await nextLine(lines);
  return line !== null && line !== 'unknown' && line.kind === 'go';
}

async function nextLine(lines: AsyncGenerator<string>) {
  const { value, done } = await lines.next();
  if (done === true) return null;
  return parsedOrNull(requestLine, value) ?? 'unknown';
}
