import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import type { Row } from '../../src/events/row.ts';
import type { JournalLine } from '../../src/events/run.ts';
import { readJournal } from '../../src/io/artifacts/run-folder.ts';
import { readText } from '../../src/io/disk/files.ts';
import { parseLines } from './lines.ts';
import { endProcesses, processesOf } from './processes.ts';
import { atTheEnd, waitFor, within } from './temp.ts';

const repository = resolve(import.meta.dirname, '../..');
const command = join(repository, 'dist/phasebox.js');
const standIn = join(repository, 'test/fixtures/bin/python');
const run = promisify(execFile);

/** A start or an end of a stand-in tool. `at`: ms since the epoch. */
export interface Call {
  readonly event: 'start' | 'end';
  readonly tool: string;
  readonly run: string | null;
  readonly pid: number;
  readonly at: number;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | null>>;
  /** Of a start: the tools that lived beside it, as `tool pid`. */
  readonly beside?: readonly string[];
}

/** How a command ended. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A command that runs, its output so far. */
export interface Running {
  readonly pid: number;
  readonly out: () => string;
  readonly err: () => string;
  readonly ended: Promise<Ended>;
  /** Waits for a text in its output. */
  says(text: string | RegExp): Promise<void>;
  /** Its output is read no more, as when a `tee` dies. */
  deafen(): void;
  /** Ends it by a signal, else as Ctrl-C does, twice where it takes two; its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number>;
}

/** A workspace in a temporary folder with the demo's models, data and suite, and the stand-in as its python. */
export interface Chain {
  readonly root: string;
  /** The file that its commands run. */
  readonly program: string;
  /** Each start and end of a stand-in tool, oldest first. */
  calls(tool?: string, event?: Call['event']): Promise<Call[]>;
  /** Lets tools go on that wait for `name` (SCENE). */
  release(name: string): Promise<void>;
  write(path: string, content: string | Uint8Array): Promise<string>;
  read(path: string): Promise<string>;
  rows(): Promise<Row[]>;
  /** The row of a run, waited for, and noted in the run's journal, which comes after it. */
  row(run: string): Promise<Row>;
  journal(run: string): Promise<JournalLine[]>;
  /** Runs a command to its end. */
  phasebox(...args: readonly string[]): Promise<Ended>;
  /** Starts a command. */
  start(...args: readonly string[]): Promise<Running>;
  /** Starts a command with more in its environment. */
  startUnder(env: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<Running>;
  /** Starts `up` and waits until it watches. */
  up(...args: readonly string[]): Promise<Running>;
  /** Ends what still runs; throws when a process of this workspace is left; removes the folder. */
  remove(): Promise<void>;
}

/** `phasebox.yaml` for tests: retried at once, no disk kept free. JSON is YAML. */
const settings = { python: standIn, disk_reserve_gb: 0, retry_pause_s: [0], dashboard: { port: 0 } };

/** Four prompts: enough for a score, little to wait for. */
const suite = {
  suite: 'four',
  prompts: ['read a.py', 'lint a.py', 'which files have changed', 'check the schema'].map((prompt, index) => ({
    id: `p${index}`,
    category: index < 2 ? 'text_tools' : 'domain',
    prompt,
    expect: [['read_file', 'lint', 'git_status', 'check_schema'][index]],
  })),
};

const train = {
  ...{ iters: 20, batch_size: 2, num_layers: 2, mask_prompt: true, max_seq_length: 128 },
  ...{ save_every: 10, steps_per_report: 5, steps_per_eval: 10, val_batches: 4 },
};

/** A config as text. `scene`: what the tools do, as test/fixtures/stand-in/main.py reads it. */
export function config(phase: string, { scene, env = {}, ...over }: Record<string, unknown> & { scene?: object } = {}) {
  const whole = {
    ...{ phase, model: 'demo/models/A-base', data: 'demo/data', train },
    ...{ eval: { suite: 'four.yaml', base: false, cost: false } },
    env: { ...(env as object), ...(scene === undefined ? {} : { SCENE: JSON.stringify(scene) }) },
    ...over,
  };
  return stringify(whole);
}

/** Marks runs as started at the same time, as versions up to 0.2.0 left them with `in_flight: 3`. */
export async function startTogether(chain: Chain, ...phases: readonly string[]): Promise<void> {
  const line = JSON.stringify({ event: 'started', at: new Date().toISOString() });
  for (const phase of phases) {
    const journal = `artifacts/${phase}/${phase}-s0/journal.jsonl`;
    await chain.write(journal, `${await chain.read(journal)}${line}\n`);
  }
}

let built: Promise<void> | undefined;

/** `phasebox` of dist/, which is made when the sources have changed. It starts in a fifth of the time of the sources. */
export async function builtCommand(): Promise<string> {
  built ??= build();
  await built;
  return command;
}

async function build(): Promise<void> {
  const { distIsCurrent } = await import('../../scripts/lib/sources.mjs' as string);
  if (!distIsCurrent(repository)) await run(process.execPath, [join(repository, 'scripts/build.mjs')]);
}

/** Not through the links and shims that `python3` may be: those cost more than the interpreter. */
let fastPython: Promise<string> | undefined;
const findPython = async (): Promise<string> =>
  (await run('python3', ['-c', 'import os, sys; print(os.path.realpath(sys.executable))'])).stdout.trim();

/** Makes the workspace; `over`: more of phasebox.yaml, `env`: more of the commands' environment, `program`: another build. */
export async function makeChain(over: object = {}, env: NodeJS.ProcessEnv = {}, program?: string): Promise<Chain> {
  const own = program ?? (await builtCommand());
  const root = await mkdtemp(join(tmpdir(), 'phasebox-chain-'));
  await mkdir(join(root, 'inbox'));
  await writeFile(join(root, 'phasebox.yaml'), JSON.stringify({ ...settings, ...over }));
  await writeFile(join(root, 'four.yaml'), stringify(suite));
  for (const name of ['models', 'data', 'suite', 'A.yaml', 'B.yaml'])
    await cp(join(repository, 'demo', name), join(root, 'demo', name), { recursive: true });
  return chainOf(root, { ...(await environmentOf(root)), ...env }, own);
}

/** A copy of a workspace in which nothing runs, to be changed at will; its `up` runs the same program. */
export async function copyChain({ root: original, program }: Chain): Promise<Chain> {
  const root = await mkdtemp(join(tmpdir(), 'phasebox-chain-'));
  // Not Node's cp, which copies no fifos and no times.
  await run('cp', ['-pR', `${original}/.`, root]);
  return chainOf(root, await environmentOf(root), program);
}

/** The environment of the commands of a workspace. */
export async function environmentOf(root: string): Promise<NodeJS.ProcessEnv> {
  fastPython ??= findPython();
  const { REDIS_URL: _url, PHASEBOX_PYTHON: _python, NODE_OPTIONS: _options, ...own } = process.env;
  const standInEnv = { STAND_IN_FOLDER: root, STAND_IN_PYTHON: await fastPython };
  // A machine slot of its own: workspaces of different tests do not wait for each other.
  return { ...own, ...standInEnv, PHASEBOX_SLOT_DIR: join(root, '.slot'), NO_COLOR: '1' };
}

function chainOf(root: string, env: NodeJS.ProcessEnv, program: string): Chain {
  // A test that fails before it removes its workspace, or is killed, leaves no `up`, tool or broker.
  const ended = atTheEnd(async () => {
    await endProcesses(root);
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  });
  const living = new Set<Running>();
  const startUnder: Chain['startUnder'] = async (more, ...args) => {
    const running = startCommand([program, '--workspace', root, ...args], { cwd: root, env: { ...env, ...more } });
    living.add(running);
    void running.ended.then(() => living.delete(running));
    return running;
  };
  const start: Chain['start'] = (...args) => startUnder({}, ...args);
  const read: Chain['read'] = (path) => readFile(join(root, path), 'utf8');
  const rows: Chain['rows'] = async () => parseLines<Row>(await readText(join(root, 'artifacts/results.jsonl')));
  const journal: Chain['journal'] = (name) => readJournal(join(root, 'artifacts', phaseOf(name), name));
  return {
    root,
    program,
    async calls(tool, event = 'start') {
      const all = parseLines<Call>(await readText(join(root, 'calls.jsonl')));
      return all.filter((call) => call.event === event && (tool === undefined || call.tool === tool));
    },
    release: (name) => writeFile(join(root, name), ''),
    async write(path, content) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content);
      return join(root, path);
    },
    read,
    rows,
    row: (name) =>
      waitFor(`the row of ${name}`, async () => {
        const row = (await rows()).find(({ run }) => run === name);
        return row !== undefined && (await journal(name)).some(({ event }) => event === 'row') ? row : null;
      }),
    journal,
    phasebox: async (...args) => (await start(...args)).ended,
    start,
    startUnder,
    async up(...args) {
      const running = await start('up', '--no-dashboard', ...args);
      await running.says(`watching ${join(root, 'inbox')}`);
      return running;
    },
    async remove() {
      for (const running of living) await within('its end', running.stop(), running.out);
      const left = await within('the list of its processes', processesOf(root));
      await endProcesses(root);
      ended();
      await within('its removal', rm(root, { recursive: true, force: true, maxRetries: 5 }));
      if (left.length > 0) throw new Error(`left behind by the workspace:\n${left.join('\n')}`);
    },
  };
}

/** `43a-s0`, `43a-s0.2-q4` -> `43a`. */
const phaseOf = (name: string): string => name.replace(/-s\d+(?:\.\d+)?(?:-[a-z]\w*)?$/, '');

function startCommand(args: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }): Running {
  const child = spawn(process.execPath, [...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err, over] = ['', '', false];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const ended = once(child, 'close').then(([code]): Ended => {
    over = true;
    return { code: Number(code), out, err };
  });
  return {
    pid: child.pid ?? 0,
    out: () => out,
    err: () => err,
    ended,
    async says(text) {
      const found = (): boolean => (typeof text === 'string' ? out.includes(text) : text.test(out));
      await waitFor(`phasebox ${args.slice(1).join(' ')} saying ${text}`, () => found() || over);
      if (!found()) throw new Error(`it ended without saying ${text}:\n${out}\n${err}`);
    },
    deafen: () => void child.stdout.destroy(),
    async stop(signal) {
      // A second Ctrl-C ends the tools too.
      child.kill(signal ?? 'SIGINT');
      while (signal === undefined && !over && !/Ctrl-C again/.test(out)) await Promise.race([ended, delay(10)]);
      if (signal === undefined && !over) child.kill('SIGINT');
      return (await ended).code;
    },
  };
}
