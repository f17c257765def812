import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { execa } from 'execa';
import { groupMembers } from '../../src/io/host/process-facts.ts';
import { brokerPid, onBroker } from './broker.ts';
import { type Chain, config, type Running } from './chain.ts';
import { crashChain, expectNothingLost, seeded } from './crash.ts';
import { waitFor } from './temp.ts';

/* A night in which everything is killed at random: test/crash/random.test.ts and test/long/random.test.ts. */

/** With every tool that a run can have. */
const measured = { suite: 'four.yaml', base: false, cost: true };

interface Night {
  readonly chain: Chain;
  up: Running;
}

/** ESRCH: it ended by itself a moment ago, so nothing was killed. */
function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}

/** The tool that works now, and its wrapper. */
async function toolNow({ chain }: Night): Promise<{ tool: number; wrapper: number } | null> {
  const before = (await chain.calls()).length;
  const next = async () => ((await chain.calls()).length > before ? (await chain.calls()).at(-1) : null);
  // The next one that begins: the one before may be at its end.
  const last = await waitFor('a tool', next, 5000).catch(() => undefined);
  if (last === undefined || last.tool === 'facts') return null;
  const { stdout } = await execa('ps', ['-o', 'pgid=', '-p', String(last.pid)], { reject: false });
  const wrapper = Number(stdout);
  return wrapper > 1 && (await groupMembers(wrapper)).includes(last.pid) ? { tool: last.pid, wrapper } : null;
}

/** Each tells whether it hit anything. */
const acts: Readonly<Record<string, (night: Night) => Promise<boolean>>> = {
  async up(night) {
    await night.up.stop('SIGKILL');
    night.up = await night.chain.up();
    return true;
  },
  async broker(night) {
    const pid = await brokerPid(night.chain.root);
    return pid !== null && kill(pid);
  },
  async tool(night) {
    const now = await toolNow(night);
    return now !== null && kill(now.tool);
  },
  async wrapper(night) {
    const now = await toolNow(night);
    return now !== null && kill(now.wrapper);
  },
  flush: async (night) => (await onBroker(night.chain.root, (redis) => redis.flushall())) !== null,
  async empty(night) {
    const pid = await brokerPid(night.chain.root);
    if (pid === null || !kill(pid)) return false;
    const folder = join(night.chain.root, '.phasebox/broker');
    // Retried: the broker that `up` starts at once writes there too.
    for (const name of await readdir(folder))
      await rm(join(folder, name), { recursive: true, force: true, maxRetries: 5 });
    return true;
  },
};

/** A dozen more that wait, whatever becomes of them. */
async function submit(chain: Chain, phases: string[]): Promise<void> {
  const fresh = Array.from({ length: 12 }, (_, index) => `p${String(phases.length + index + 1).padStart(4, '0')}`);
  const files = await Promise.all(
    fresh.map((phase) => chain.write(`drop/${phase}.yaml`, config(phase, { eval: measured }))),
  );
  phases.push(...fresh);
  const { code, err } = await chain.phasebox('submit', ...files);
  // After two seconds the command says that it waits for an answer. No test asserts how fast a machine is.
  const complaints = err
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('submit: waiting for `phasebox up`'));
  expect([code, complaints]).to.eql([0, []]);
}

/** Tests that no run is lost or doubled and the order is kept, however the night is killed and wiped for `seconds`. */
export function randomNight(seconds: number, seed: number): void {
  describe(`random kills and wipes for ${seconds} s, seed ${seed}`, function () {
    this.timeout((seconds + 180) * 1000);

    it('lose no run, double none, and keep the order', async () => {
      const chain = await crashChain();
      try {
        const { runs, counts } = await play(chain, seconds, seeded(seed));
        await expectNothingLost(chain, runs, []);
        const acted = [...counts].map(([name, count]) => `${name} ${count}`);
        console.log(`      seed ${seed}: ${runs.length} runs; ${acted.join(', ')}`);
      } finally {
        await chain.remove();
      }
    });
  });
}

/** Kills and wipes for a time, and lets the night end. Returns its runs, and how often each act hit something. */
async function play(chain: Chain, seconds: number, random: () => number) {
  const counts = new Map<string, number>();
  const phases: string[] = [];
  const night: Night = { chain, up: await chain.up() };
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    if (phases.length < (await chain.rows()).length + 4) await submit(chain, phases);
    await delay(random() * 1200);
    const names = Object.keys(acts);
    const name = names[Math.floor(random() * names.length)] ?? 'up';
    if (await acts[name]?.(night)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const runs = phases.map((phase) => `${phase}-s0`);
  await waitFor('all rows', async () => (await chain.rows()).length >= runs.length, 120_000);
  expect(await night.up.stop()).to.equal(0);
  return { runs, counts };
}
