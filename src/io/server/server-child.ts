import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StageError } from '../../core/errors.ts';
import { readText } from '../disk/files.ts';
import { logTail } from '../tool/follow-log.ts';
import { isAlive, type RunningTool, startTool } from '../tool/tool-process.ts';
import { died, openServerLog, type ServerLog } from './server-log.ts';

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
  let over = false;
  const end = (): void => {
    over = true;
  };
  void tool.ended.then(end, end);
  const check = async (): Promise<void> => {
    // Before the wrapper has made its fifo, no process holds it open. That does not mean that it died.
    if (over || ((await readText(join(dir, 'started'))) !== null && !(await isAlive(dir)))) await throwEnd(tool);
    await log.check();
  };
  const broken = async (): Promise<void> => {
    await Promise.race([tool.ended, delay(1000)]);
    await check();
  };
  return { url: `http://127.0.0.1:${port}`, tool, log, signal, check, broken };
}

/** A port that no process uses at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

/** Throws how the process ended, with what its log says. */
async function throwEnd(tool: RunningTool): Promise<never> {
  const { code } = await tool.ended;
  const how = code === null ? 'it was killed from outside' : `it ended with exit code ${code}`;
  throw died(how, code, await logTail(tool.log, 40));
}

/** Stops the child process. Afterwards nothing of it answers. */
export async function closeServer(child: Child, start: ServerStart): Promise<void> {
  let over = false;
  const ended = child.tool.ended.then(() => {
    over = true;
  });
  // Repeated until it has ended: the wrapper cannot receive a signal before it has written its process id.
  while (!over) {
    await child.tool.stop();
    await Promise.race([ended, delay(50)]);
  }
  await rm(hubFolder(start), { recursive: true, force: true });
}
