import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { CommandError, StageError } from '../core/errors.ts';
import { toolEnv } from '../core/mlx/python.ts';
import { requestModel } from '../core/score/chat.ts';
import { askMachine, holderText, type MachineSlot } from '../io/claim/machine-slot.ts';
import { listNames } from '../io/disk/files.ts';
import { driverPath } from '../io/host/package-root.ts';
import { commandLine } from '../io/host/process-facts.ts';
import { findPython } from '../io/model/pythons.ts';
import { type RunningServer, startModelServer } from '../io/server/model-server.ts';
import { pause } from '../io/tool/settled.ts';
import { findTool, isAlive } from '../io/tool/tool-process.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { documented, type Register, wholeNumber, workspaceOf } from './parts/command.ts';
import { finalModel, type LocatedModel, proveAll } from './parts/final-model.ts';
import { findRun } from './parts/find-run.ts';
import { printLine } from './parts/output.ts';

export interface ServeOptions {
  readonly run: string;
  readonly port?: number;
  readonly signal: AbortSignal;
  readonly out: (line: string) => void;
}

const watch_ms = 1000;

/** Leaves no process or file. Throws CommandError 1 (model, server), 2 (no such run), 3 (port, Python, machine). */
export async function serve(workspace: Workspace, options: ServeOptions): Promise<void> {
  const found = await findRun(workspace, options.run);
  const final = await finalModel(workspace, found);
  const python = await findPython(workspace);
  await sweep(workspace.state);
  if (options.port !== undefined) await needPort(options.port);
  await proveAll([folderOf(final), ...(final.kind === 'model' ? [] : final.adapter.map(({ path }) => path))]);
  const dir = await ownFolder(workspace.state);
  let slot: MachineSlot | null = null;
  try {
    slot = await takeMachine(workspace, dir, options.run);
    options.out(`loading the final model of ${options.run} ...`);
    const server = await start(final, { ...options, dir, python, env: found.stored.run.env });
    try {
      for (const line of greeting(server.url)) options.out(line);
      await untilStopped(server, options.signal);
    } finally {
      await server.close();
    }
  } catch (error) {
    if (options.signal.aborted) return;
    if (error instanceof StageError)
      throw new CommandError(1, `${error.message}\nThe server's model: ${folderOf(final)}`);
    throw error;
  } finally {
    await slot?.release();
    await rm(dir, { recursive: true, force: true });
  }
}

const folderOf = (final: LocatedModel): string => (final.kind === 'model' ? final.model : final.base).folder;

interface Start extends ServeOptions {
  readonly dir: string;
  readonly python: string;
  readonly env: Readonly<Record<string, string>>;
}

async function start(final: LocatedModel, { dir, python, env, port, signal }: Start): Promise<RunningServer> {
  const adapter = final.kind === 'model' ? null : join(dir, 'adapter');
  if (final.kind === 'adapter' && adapter !== null) {
    await mkdir(adapter);
    for (const { path, name } of final.adapter) await symlink(path, join(adapter, name));
  }
  return startModelServer({
    python,
    driver: driverPath('serve'),
    model: folderOf(final),
    ...(adapter === null ? {} : { adapter }),
    dir,
    env: toolEnv(env),
    signal,
    ...(port === undefined ? {} : { nextPort: async () => port }),
  });
}

function greeting(url: string): string[] {
  const body = JSON.stringify({ model: requestModel, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 256 });
  return [
    `serving at ${url}/v1 (model name: ${requestModel}); Ctrl-C stops it`,
    `curl ${url}/v1/chat/completions -H 'Content-Type: application/json' -d '${body}'`,
  ];
}

async function untilStopped(server: RunningServer, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(watch_ms, signal);
    if (!signal.aborted) await server.check();
  }
}

const folderName = 'serve';

/** `.phasebox/serve/<pid>.XXXXXX`: log, and the server's own files while it runs. */
async function ownFolder(state: string): Promise<string> {
  await mkdir(join(state, folderName), { recursive: true });
  return mkdtemp(join(state, folderName, `${process.pid}.`));
}

/** Stops the servers of `serve` commands that were killed, since no other process will. */
async function sweep(state: string): Promise<void> {
  for (const name of await listNames(join(state, folderName))) {
    const dir = join(state, folderName, name);
    const owner = await commandLine(Number.parseInt(name, 10));
    if (owner?.includes('serve')) continue;
    if (await isAlive(dir)) await (await findTool(dir))?.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

/** Two models in memory at once make both slow, or end one of them. */
async function takeMachine(workspace: Workspace, dir: string, run: string): Promise<MachineSlot> {
  const asked = await askMachine({ dir, what: `serve of ${run}`, workspace: workspace.root, server: true });
  if (asked.kind === 'ours') return asked.slot;
  const taken = `The machine is taken by ${holderText(asked.by)} (${asked.by.dir})`;
  const todo = 'Wait until it is done (`phasebox status`), or stop it first.';
  throw new CommandError(3, `${taken}, and two models at once are too much for its memory.\n${todo}`);
}

function needPort(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error) => {
      const message = `port ${port} cannot be used: ${error.message}. Give another one with --port, or none.`;
      reject(new CommandError(3, message, { cause: error }));
    });
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve()));
  });
}

export const registerServe: Register = (program) => {
  documented(program.command('serve'), {
    does: 'Serve the final model of a run for chat',
    notes: [
      `The server has an API that is compatible with that of OpenAI, at \`http://127.0.0.1:PORT/v1\`. The model name is \`${requestModel}\`. To chat, send messages to \`/v1/chat/completions\`. When the model is loaded, the command prints the URL and a \`curl\` call that you can copy. Press Ctrl-C to stop the server.`,
    ],
    examples: ['phasebox serve 43a-s0', 'phasebox serve 43a-s0 --port 8081'],
    exits: {
      0: 'stopped by Ctrl-C',
      1: 'the model or the server failed',
      2: 'there is no such run',
      3: 'this folder is not a workspace, the port is taken, or another tool process of phasebox has a model in memory',
    },
  })
    .argument('<run>', 'a run, such as 43a-s0')
    .option('--port <number>', 'port on 127.0.0.1 (default: a free one)', wholeNumber(1, 65_535))
    .action(async (run: string, options: { port?: number }, command) => {
      const stop = new AbortController();
      const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
      const ended = Promise.race(signals.map((signal) => once(process, signal, { signal: stop.signal })));
      ended.then(
        () => stop.abort(),
        () => undefined, // served until the end without a signal
      );
      try {
        await serve(await workspaceOf(command, 'read'), { ...options, run, signal: stop.signal, out: printLine });
      } finally {
        stop.abort();
      }
    });
};
