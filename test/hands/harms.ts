import { cp, readdir, rename, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { hasCode } from '../../src/io/disk/files.ts';
import { groupMembers } from '../../src/io/host/process-facts.ts';
import { brokerPid, onBroker } from '../helpers/broker.ts';
import type { Chain, Running } from '../helpers/chain.ts';
import { waitFor } from '../helpers/temp.ts';
import { type Damage, damages } from './damage.ts';

/* What can befall a night that works: kills, hands on its files, a clock that is set back. */

const clock = resolve(import.meta.dirname, '../fixtures/shift-clock.mjs');

/** A night under harm. */
export interface HarmedNight {
  readonly chain: Chain;
  readonly random: () => number;
  up: Running;
  /** What every `up` and every command printed. */
  readonly said: string[];
  /** Folders in artifacts/ (`phase` or `phase/run`) that a hand changed: their runs may end otherwise. */
  readonly touched: Set<string>;
}

/** Returns what it hit; null: there was nothing to hit. */
export type Harm = (night: HarmedNight) => Promise<string | null>;

const pick = <T>(random: () => number, list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return false; // it ended by itself a moment ago
    throw error;
  }
}

async function freeze(night: HarmedNight, pid: number): Promise<boolean> {
  if (!signal(pid, 'SIGSTOP')) return false;
  await delay(night.random() * 1500);
  signal(pid, 'SIGCONT');
  return true;
}

async function restart(night: HarmedNight, env: NodeJS.ProcessEnv = {}): Promise<void> {
  await night.up.stop('SIGKILL');
  night.said.push((await night.up.ended).err, night.up.out());
  night.up = await night.chain.startUnder(env, 'up', '--no-dashboard');
  await night.up.says(/watching/);
}

/** The tool that starts next, and its wrapper. */
async function nextTool({ chain }: HarmedNight): Promise<{ tool: number; wrapper: number } | null> {
  const before = (await chain.calls()).length;
  const next = async () => (await chain.calls()).slice(before).findLast(({ tool }) => tool !== 'facts');
  const last = await waitFor('a tool', next, 3000).catch(() => undefined);
  if (last === undefined) return null;
  const { stdout } = await execa('ps', ['-o', 'pgid=', '-p', String(last.pid)], { reject: false });
  const wrapper = Number(stdout);
  return wrapper > 1 && (await groupMembers(wrapper)).includes(last.pid) ? { tool: last.pid, wrapper } : null;
}

/** Folders of phases, or of runs, that no hand has changed yet; never the last one. */
async function untouched({ chain, touched }: HarmedNight, depth: 1 | 2): Promise<string[]> {
  const names = await readdir(join(chain.root, 'artifacts'), { recursive: depth === 2, withFileTypes: true });
  const folders = names
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name).slice(join(chain.root, 'artifacts').length + 1))
    .filter((path) => path.split('/').length === depth && !/^(?:base|plots)(?:\/|$)/.test(path))
    .filter((path) => depth === 1 || /-s\d+$/.test(path));
  const phases = new Set([...touched].map((path) => path.split('/')[0]));
  const free = folders.filter((path) => !phases.has(path.split('/')[0]));
  return free.length > 1 ? free : [];
}

/** Does something to a folder of a phase or a run. */
const hand =
  (depth: 1 | 2, what: string, work: (path: string, random: () => number) => Promise<string | null>): Harm =>
  async (night) => {
    const folder = pick(night.random, await untouched(night, depth));
    if (folder === undefined) return null;
    // A copy changes nothing of what was copied.
    if (what !== 'copied') night.touched.add(folder);
    try {
      const detail = await work(join(night.chain.root, 'artifacts', folder), night.random);
      return detail === null ? null : `${what} ${folder}${detail}`;
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTEMPTY')) return null; // it was renamed or grew under the hand
      throw error;
    }
  };

const remove = async (path: string): Promise<string> => {
  await rm(path, { recursive: true, maxRetries: 5 });
  return '';
};

async function damageOf(path: string, random: () => number): Promise<string> {
  const names = Object.keys(damages) as Damage[];
  const damage =
    pick(
      random,
      names.filter((name) => !name.includes('field')),
    ) ?? 'empty';
  await damages[damage](path);
  return `${basename(path)}: ${damage}`;
}

/** Small files of the workspace as a whole. */
const common = ['results.jsonl', 'COMPARISON.md', 'report.html', 'runs.md'].map((name) => `artifacts/${name}`);
const state = ['id', 'control.json', 'journal.jsonl', 'log/phasebox.log'].map((name) => `.phasebox/${name}`);

const command =
  (...words: readonly string[]): Harm =>
  async ({ chain, said, random }) => {
    const runs = (await chain.rows().catch(() => [])).map(({ run }) => run);
    const argv = words.map((word) => (word === 'RUN' ? (pick(random, runs) ?? 'none') : word));
    const { out, err } = await chain.phasebox(...argv);
    said.push(out, err);
    return argv.join(' ');
  };

const harms: Readonly<Record<string, Harm>> = {
  async 'up killed'(night) {
    await restart(night);
    return 'up';
  },
  async 'up frozen'(night) {
    return (await freeze(night, night.up.pid)) ? 'up' : null;
  },
  async 'broker killed'(night) {
    const pid = await brokerPid(night.chain.root);
    return pid !== null && signal(pid, 'SIGKILL') ? 'broker' : null;
  },
  async 'broker frozen'(night) {
    const pid = await brokerPid(night.chain.root);
    return pid !== null && (await freeze(night, pid)) ? 'broker' : null;
  },
  async 'broker emptied'(night) {
    return (await onBroker(night.chain.root, (redis) => redis.flushall())) === null ? null : 'broker';
  },
  async 'tool killed'(night) {
    const now = await nextTool(night);
    return now !== null && signal(now.tool, 'SIGKILL') ? 'tool' : null;
  },
  async 'tool frozen'(night) {
    const now = await nextTool(night);
    return now !== null && (await freeze(night, now.tool)) ? 'tool' : null;
  },
  async 'wrapper killed'(night) {
    const now = await nextTool(night);
    return now !== null && signal(now.wrapper, 'SIGKILL') ? 'wrapper' : null;
  },
  async 'clock set'(night) {
    const days = pick(night.random, [-1, 1, -400]) ?? -1;
    await restart(night, { NODE_OPTIONS: `--import ${clock}`, CLOCK_DAYS: String(days) });
    return `${days} days`;
  },
  'run deleted': hand(2, 'deleted', remove),
  'phase deleted': hand(1, 'deleted', remove),
  'stage deleted': hand(2, 'deleted a stage of', async (path, random) => {
    const stage = pick(
      random,
      (await readdir(path)).filter((name) => /^\.?\d-/.test(name)),
    );
    return stage === undefined ? null : `${await remove(join(path, stage))}: ${stage}`;
  }),
  'run renamed': hand(2, 'renamed', async (path) => {
    await rename(path, `${path}-x`);
    return '';
  }),
  'phase renamed': hand(1, 'renamed', async (path) => {
    await rename(path, `${path}x`);
    return '';
  }),
  'run copied': hand(2, 'copied', async (path) => {
    await cp(path, `${path}-copy`, { recursive: true, filter: (name) => basename(name) !== 'alive' });
    return '';
  }),
  'phase copied': hand(1, 'copied', async (path) => {
    await cp(path, `${path}copy`, { recursive: true, filter: (name) => basename(name) !== 'alive' });
    return '';
  }),
  'file of a run damaged': hand(2, 'damaged a file of', async (path, random) => {
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    const small = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.safetensors'));
    const file = pick(
      random,
      small.map((entry) => join(entry.parentPath, entry.name)),
    );
    return file === undefined ? null : `: ${await damageOf(file, random)}`;
  }),
  async 'file of the workspace damaged'({ chain, random }) {
    const path = join(chain.root, pick(random, [...common, ...state]) ?? '');
    return damageOf(path, random).catch((error: unknown) => {
      if (hasCode(error, 'ENOENT', 'EISDIR', 'ELOOP', 'ENXIO')) return null; // not there, or damaged before
      throw error;
    });
  },
  'status asked': command('status'),
  verified: command('verify'),
  'freed up': command('gc', '--yes'),
  reported: command('report'),
  retried: command('retry', 'RUN', '--stage', 'eval'),
  paused: command('pause'),
  resumed: command('resume'),
};

/** Harms a night again and again until `end` (of performance.now()). Returns what was done, in order. */
export async function harmUntil(night: HarmedNight, end: number, say: (line: string) => void): Promise<void> {
  while (performance.now() < end) {
    await delay(night.random() * 1000);
    const name = pick(night.random, Object.keys(harms)) ?? '';
    const hit = await harms[name]?.(night);
    if (hit !== null && hit !== undefined) say(`${name}: ${hit}`);
  }
}
