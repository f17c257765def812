import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { execa } from 'execa';
import { groupMembers } from '../../src/io/host/process-facts.ts';
import { brokerPid } from '../helpers/broker.ts';
import { config } from '../helpers/chain.ts';
import { crashChain, expectNothingLost, hits, hookedWait } from '../helpers/crash.ts';
import { type Edit, productCommand } from '../helpers/product.ts';
import { waitFor } from '../helpers/temp.ts';

/* A laptop that sleeps: everything stops for longer than any lock lasts, and goes on. */

const lock_s = 1;
/** The product with locks of 1 s: 6 times that is a sleep that a test can wait for. */
const shortLocks: Edit = {
  file: 'src/io/broker/consumer.ts',
  find: 'lockDuration: 5000, stalledInterval: 2000',
  replace: `lockDuration: ${lock_s * 1000}, stalledInterval: 400`,
};
const short_s = process.env.SOAK === undefined ? 6 * lock_s : 60;

/** In each stage: the tool that is at work, and what its scene says. `serve`: with an answer under way. */
const stages = [
  { tool: 'lora', scene: { lora: { hold: 'go' } }, env: {}, sleep_s: short_s },
  { tool: 'fuse_direct', scene: { fuse_direct: { hold: 'go' } }, env: {}, sleep_s: short_s },
  { tool: 'serve', scene: {}, env: { ANSWER_SECONDS: '0.7' }, sleep_s: short_s },
  // Longer than any deadline of the product for a live tool or job.
  { tool: 'lora', scene: { lora: { hold: 'go' } }, env: {}, sleep_s: 60 },
] as const;

/** Wrapper, tool and what it started. */
async function groupOf(pid: number): Promise<readonly number[]> {
  const { stdout } = await execa('ps', ['-o', 'pgid=', '-p', String(pid)]);
  return groupMembers(Number(stdout));
}

/** Everything of this workspace stops and, after the sleep, goes on: in the order of a scheduler, that is in none. */
async function sleepAll(pids: readonly number[], sleep_s: number): Promise<void> {
  try {
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    await delay(sleep_s * 1000);
  } finally {
    for (const pid of [...pids].reverse()) process.kill(pid, 'SIGCONT');
  }
}

async function sleepIn({ tool, scene, env, sleep_s }: (typeof stages)[number]): Promise<void> {
  const chain = await crashChain(await productCommand([shortLocks]));
  try {
    // A sleep is longer than an answer may take: it must not count.
    const timeout_s = Math.min(3, sleep_s / 2);
    const suite = { suite: 'four.yaml', base: false, timeout_s, retries: 0 };
    await chain.write('inbox/p.yaml', config('p', { scene, env, eval: suite }));
    await chain.write('inbox/q.yaml', config('q'));
    const up = await chain.up();
    const [call] = await waitFor(`${tool}`, async () => {
      const calls = await chain.calls(tool);
      return calls.length > 0 ? calls : null;
    });
    if (tool === 'serve')
      await waitFor('an answer', () => chain.read('artifacts/p/p-s0/.6-eval.a1/answers.jsonl').catch(() => null));
    const group = await groupOf(call?.pid ?? 0);
    await sleepAll([up.pid, (await brokerPid(chain.root))!, ...group], sleep_s);
    await chain.release('go');
    for (const run of ['p-s0', 'q-s0']) expect((await chain.row(run)).modes).to.include({ timeout: 0, error: 0 });
    expect(await up.stop()).to.equal(0);
    await expectNothingLost(chain, ['p-s0', 'q-s0'], ['check_data', 'lora', 'fuse_direct', 'serve']);
    const events = (await chain.journal('p-s0')).map(({ event }) => event);
    expect(events.filter((event) => event === 'failed')).to.eql([]);
  } finally {
    await chain.remove();
  }
}

/** Where no tool works: `up` and broker sleep in the middle of the stage. */
async function sleepInCleanup(): Promise<void> {
  const chain = await crashChain(await productCommand([shortLocks]));
  try {
    await chain.write('inbox/p.yaml', config('p'));
    await chain.write('inbox/q.yaml', config('q'));
    const place = 'append \\S+/p-s0/\\S+ .*"event":"verified".*"cleanup"';
    const up = await chain.startUnder(hookedWait(chain, place), 'up', '--once', '--no-dashboard');
    await waitFor('the cleanup', async () => (await hits(chain)).some(({ act }) => act === 'waits'));
    await sleepAll([up.pid, (await brokerPid(chain.root))!], short_s);
    await chain.release('go');
    const { code, out, err } = await up.ended;
    expect(code, `${out}${err}`).to.equal(0);
    await expectNothingLost(chain, ['p-s0', 'q-s0'], ['check_data', 'lora', 'fuse_direct', 'serve']);
  } finally {
    await chain.remove();
  }
}

describe(`everything asleep, locks of ${lock_s} s`, () => {
  let played: Promise<void>[] = [];
  before(() => {
    played = [...stages.map(sleepIn), sleepInCleanup()];
    for (const one of played) one.catch(() => undefined); // told by its own test
  });
  for (const [index, { tool, sleep_s }] of stages.entries())
    it(`${sleep_s} s while ${tool} works: nothing runs twice, no answer counts as late`, () => played[index]);
  it(`${short_s} s in the middle of cleanup, where no tool works`, () => played[stages.length]);
});
