import { once } from 'node:events';
import { mkdir, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StageError } from '../../core/errors.ts';
import { diagnose } from '../../core/mlx/diagnose.ts';
import { ifAbsent, readText, useText } from '../disk/files.ts';
import { logTail } from '../tool/follow-log.ts';
import { pause, settled } from '../tool/settled.ts';
import { isAlive, type RunningTool, startTool } from '../tool/tool-process.ts';

/** How to start mlx_lm's server on a model. */
export interface ServerStart {
  readonly python: string;
  /** Absolute path of python/serve.py. */
  readonly driver: string;
  readonly model: string;
  /** A folder with adapters.safetensors and adapter_config.json. */
  readonly adapter?: string;
  /** Gets log.txt and the wrapper's files. */
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Gives the next port: a free one of the system, unless a test needs a certain one. */
  readonly nextPort?: () => Promise<number>;
  /** How long an answer of one token may take. Absent if that is not checked. */
  readonly stall_ms?: number;
  /** After how much silence the server counts as failed, in ms. By default it follows from the model's size. */
  readonly silence_ms?: number;
}

/** A server that was spawned and is not yet verified. */
export interface Child {
  readonly url: string;
  readonly tool: RunningTool;
  readonly log: ServerLog;
  readonly signal: AbortSignal;
  /** Throws SERVER_DIED or what the log says if it has ended or cannot generate, and CALL_SWALLOWED by its log. */
  check(): Promise<void>;
  /** The same a moment later: a dying process closes its connections before it ends. */
  broken(): Promise<void>;
}

/** Empty on purpose: the server lists every model in the Hub's cache, and would load one on a request by name. */
const hubFolder = (start: ServerStart): string => join(start.dir, 'hub');

/** Starts the server on its next port. Throws STOPPED if it is no longer needed. */
export async function spawnServer(start: ServerStart): Promise<Child> {
  const { python, driver, model, adapter, dir, signal } = start;
  if (signal.aborted) throw new StageError('STOPPED', 'the model server was not started');
  await mkdir(hubFolder(start), { recursive: true });
  const port = await (start.nextPort ?? freePort)();
  const argv = [python, driver, '--model', model, '--host', '127.0.0.1', '--port', String(port)];
  const log = await openServerLog(join(dir, 'log.txt'));
  const tool = await startTool({
    dir,
    argv: adapter === undefined ? argv : [...argv, '--adapter-path', adapter],
    env: { ...start.env, HF_HUB_CACHE: hubFolder(start), HF_HUB_OFFLINE: '1', TRANSFORMERS_OFFLINE: '1' },
    cwd: dir,
    server: true,
  });
  const ended = settled(tool.ended);
  const check = async (): Promise<void> => {
    // Before the wrapper has made its fifo, no process holds it open. That does not mean that it died.
    if (ended.aborted || ((await readText(join(dir, 'started'))) !== null && !(await isAlive(dir))))
      await throwEnd(tool);
    await log.check();
  };
  const broken = async (): Promise<void> => {
    await Promise.race([tool.ended, delay(1000)]);
    await check();
  };
  return { url: `http://127.0.0.1:${port}`, tool, log, signal, check, broken };
}

/** A port that no process uses at this moment. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Throws how the process ended, with what its log says. */
async function throwEnd(tool: RunningTool): Promise<never> {
  const { code } = await tool.ended;
  const how = code === null ? 'it was killed from outside' : `it ended with exit code ${code}`;
  throw died(how, code, await logTail(tool.log, 40));
}

/** Stops the child process. Afterwards nothing of it answers. */
export async function closeServer(child: Child, start: ServerStart): Promise<void> {
  const ended = settled(child.tool.ended);
  // Repeated until it has ended: the wrapper cannot receive a signal before it has written its process id.
  while (!ended.aborted) {
    await child.tool.stop();
    await pause(50, ended);
  }
  await rm(hubFolder(start), { recursive: true, force: true });
}

/** The log of a model server, from the moment it was opened. */
type ServerLog = Awaited<ReturnType<typeof openServerLog>>;

/** mlx_lm's message for a tool call that it could not parse, so that no answer contains it. */
const swallowed = 'Failed to parse tool call';
/** The thread that generates has died, but the process lives on and never answers (0.30 hangs, 0.32 answers 404). */
const deadThread = /generation thread died|^Exception in thread /;

const shownLines = 20;

/** Opens the log at its current end, which skips what an earlier server in the same folder wrote. */
export async function openServerLog(path: string) {
  const start = await size(path);
  let checked = start;
  return {
    /** Everything that was written since it was opened. */
    text: async (): Promise<string> => (await read(path, start)).toString(),
    /** Throws CALL_SWALLOWED or SERVER_DIED if a line says so. Reads only what is new since the last call. */
    async check(): Promise<void> {
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
function died(how: string, code: number | null, lines: readonly string[]): StageError {
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
