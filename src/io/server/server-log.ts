import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { StageError } from '../../core/errors.ts';
import { diagnose } from '../../core/mlx/diagnose.ts';
import { ifAbsent, openText } from '../disk/files.ts';

/** The log of a model server, from where it was opened on. */
export interface ServerLog {
  /** All that was written since it was opened. */
  text(): Promise<string>;
  /** Throws CALL_SWALLOWED or SERVER_DIED when a line says so. Reads only what is new since the last call. */
  check(): Promise<void>;
}

/** mlx_lm's own words for a tool call that it could not parse, so that it is in no answer. */
const swallowed = 'Failed to parse tool call';
/** The thread that generates is gone: the process lives on and will never answer (0.30 hangs, 0.32 answers 404). */
const deadThread = /generation thread died|^Exception in thread /;

const shownLines = 20;

/** Opens the log at its present end: what an earlier server of the same folder wrote is not looked at. */
export async function openServerLog(path: string): Promise<ServerLog> {
  const start = await size(path);
  let checked = start;
  return {
    text: async () => (await read(path, start)).toString(),
    async check() {
      const from = checked;
      const news = await read(path, from);
      // A line that is still being written is looked at when it is whole.
      const whole = news.subarray(0, news.lastIndexOf('\n') + 1);
      const lines = whole.toString().split('\n');
      const lost = lines.find((line) => line.includes(swallowed));
      if (lost !== undefined) throw new StageError('CALL_SWALLOWED', lost.slice(0, 500));
      if (lines.some((line) => deadThread.test(line))) {
        // The traceback follows the line that was seen.
        await delay(200);
        throw died('it cannot generate any more', 1, (await read(path, from)).toString().split('\n'));
      }
      // Several answers may be looked after at once: what two of them read is not skipped over twice.
      checked = Math.max(checked, from + whole.length);
    },
  };
}

/** What a server died of: what its log tells (OUT_OF_MEMORY, MISSING_INPUT ...), else SERVER_DIED with its last lines. */
export function died(how: string, code: number | null, lines: readonly string[]): StageError {
  const told = lines.filter((line) => line.trim() !== '').slice(-shownLines);
  const cause = code === null || code === 0 ? null : diagnose(code, told);
  if (cause !== null && cause.code !== 'TOOL_FAILED') return cause;
  return new StageError('SERVER_DIED', `${how}; its last lines:\n${told.join('\n')}`);
}

const size = async (path: string): Promise<number> => (await stat(path).catch(ifAbsent(null)))?.size ?? 0;

async function read(path: string, from: number): Promise<Buffer> {
  const handle = await openText(path);
  // The wrapper makes the log a moment after it was spawned.
  if (handle === null) return Buffer.alloc(0);
  try {
    const bytes = Buffer.alloc(Math.max(0, (await handle.stat()).size - from));
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, from);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
