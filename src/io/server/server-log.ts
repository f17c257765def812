import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { StageError } from '../../core/errors.ts';
import { diagnose } from '../../core/mlx/diagnose.ts';
import { ifAbsent, useText } from '../disk/files.ts';

/** The log of a model server, from the moment it was opened. */
export interface ServerLog {
  /** Everything that was written since it was opened. */
  text(): Promise<string>;
  /** Throws CALL_SWALLOWED or SERVER_DIED if a line says so. Reads only what is new since the last call. */
  check(): Promise<void>;
}

/** mlx_lm's message for a tool call that it could not parse, so that no answer contains it. */
const swallowed = 'Failed to parse tool call';
/** The thread that generates has died, but the process lives on and never answers (0.30 hangs, 0.32 answers 404). */
const deadThread = /generation thread died|^Exception in thread /;

const shownLines = 20;

/** Opens the log at its current end, which skips what an earlier server in the same folder wrote. */
export async function openServerLog(path: string): Promise<ServerLog> {
  const start = await size(path);
  let checked = start;
  return {
    text: async () => (await read(path, start)).toString(),
    async check() {
      const from = checked;
      const news = await read(path, from);
      // A line that is still being written is checked when it is complete.
      const whole = news.subarray(0, news.lastIndexOf('\n') + 1);
      const lines = whole.toString().split('\n');
      const lost = lines.find((line) => line.includes(swallowed));
      if (lost !== undefined) throw new StageError('CALL_SWALLOWED', lost.slice(0, 500));
      if (lines.some((line) => deadThread.test(line))) {
        // The traceback follows the line that was seen.
        await delay(200);
        throw died('it can no longer generate', 1, (await read(path, from)).toString().split('\n'));
      }
      // Several answers may be checked at once. Text that two of them read must not be skipped twice.
      checked = Math.max(checked, from + whole.length);
    },
  };
}

/** Why a server died: what its log says (OUT_OF_MEMORY, MISSING_INPUT ...), else SERVER_DIED with its last lines. */
export function died(how: string, code: number | null, lines: readonly string[]): StageError {
  const lastLines = lines.filter((line) => line.trim() !== '').slice(-shownLines);
  const cause = code === null || code === 0 ? null : diagnose(code, lastLines);
  if (cause !== null && cause.code !== 'TOOL_FAILED') return cause;
  return new StageError('SERVER_DIED', `${how}; its last lines:\n${lastLines.join('\n')}`);
}

const size = async (path: string): Promise<number> => (await stat(path).catch(ifAbsent(null)))?.size ?? 0;

async function read(path: string, from: number): Promise<Buffer> {
  const found = await useText(path, async (file) => {
    const bytes = Buffer.alloc(Math.max(0, (await file.stat()).size - from));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
    return bytes.subarray(0, bytesRead);
  });
  // The wrapper makes the log a moment after it was spawned.
  return found ?? Buffer.alloc(0);
}
