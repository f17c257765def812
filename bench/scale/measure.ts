import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { askOwner } from '../../src/commands/parts/ask.ts';
import type { JournalLine } from '../../src/events/run.ts';
import { packageRoot } from '../../src/io/host/package-root.ts';
import { openWorkspace } from '../../src/io/workspace/workspace.ts';

/* What a workspace costs the built command: each figure is of processes as a person starts them. */

const config = `
phase: fresh
model: demo/models/A-base
data: demo/data
train: { iters: 20, batch_size: 2, num_layers: 2, max_seq_length: 128, save_every: 10, val_batches: 4 }
eval: { suite: demo/suite/demo-27.yaml, base: false, cost: false }
`;

const command = join(packageRoot().folder, 'dist/phasebox.js');
const usage = join(import.meta.dirname, 'usage.mjs');

/** Figures of one workspace: seconds, and megabytes at the peak of the process. */
export interface Figures {
  readonly status: number;
  readonly statusMb: number;
  readonly start: number;
  readonly firstTool: number;
  readonly pages: number;
  readonly upMb: number;
  readonly reportMb: number;
}

interface Started {
  readonly child: ChildProcess;
  readonly begun: number;
  readonly output: () => string;
  /** Megabytes, once it has ended. */
  peak(): Promise<number>;
}

function start(root: string, ...args: readonly string[]): Started {
  const file = join(root, `usage-${args[0]}.json`);
  const begun = performance.now();
  const child = spawn(process.execPath, ['--import', usage, command, '--workspace', root, ...args], {
    env: { ...process.env, USAGE_FILE: file, STAND_IN_FOLDER: root },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (part: Buffer) => {
    output += part;
  });
  return {
    child,
    begun,
    output: () => output,
    peak: async () => JSON.parse(await readFile(file, 'utf8')).maxRSS / 1000,
  };
}

const seconds = (since: number): number => (performance.now() - since) / 1000;

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 120_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited 2 min for ${what}`);
    await delay(5);
  }
}

async function journal(root: string): Promise<JournalLine[]> {
  const text = await readFile(join(root, 'artifacts/fresh/fresh-s0/journal.jsonl'), 'utf8').catch(() => '');
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line));
}

/** Submits a config, and waits for its first tool, its row and its pages. */
async function dropOne(root: string): Promise<Pick<Figures, 'firstTool' | 'pages'>> {
  const workspace = await openWorkspace(root, 'read');
  const begun = Date.now();
  const files = [{ name: 'fresh.yaml', bytes: Buffer.from(config), problem: null }];
  await askOwner(workspace, { kind: 'submit', again: false, files });
  const event = async (name: JournalLine['event']): Promise<number> => {
    const at = async () => (await journal(root)).find((line) => line.event === name)?.at;
    await until(name, async () => (await at()) !== undefined);
    return Date.parse((await at()) ?? '');
  };
  const firstTool = ((await event('tool_started')) - begun) / 1000;
  const row = await event('row');
  const written = async (): Promise<number> =>
    (await stat(join(root, 'artifacts/report.html')).catch(() => null))?.mtimeMs ?? 0;
  await until('the pages', async () => (await written()) > row);
  return { firstTool, pages: ((await written()) - row) / 1000 };
}

/** Measures `status`, then `up` from its start over a run to its end. */
export async function measure(root: string): Promise<Figures> {
  const status = start(root, 'status');
  await once(status.child, 'close');
  const figures = { status: seconds(status.begun), statusMb: await status.peak() };
  const up = start(root, 'up', '--no-dashboard');
  const ended = once(up.child, 'close');
  try {
    await until('`up`', () => up.output().includes('watching '));
    const begun = seconds(up.begun);
    const dropped = await dropOne(root);
    up.child.kill('SIGINT');
    await ended;
    const { size } = await stat(join(root, 'artifacts/report.html'));
    return { ...figures, start: begun, ...dropped, upMb: await up.peak(), reportMb: size / 1e6 };
  } catch (error) {
    console.error(up.output());
    throw error;
  } finally {
    up.child.kill('SIGINT');
    await ended;
  }
}
