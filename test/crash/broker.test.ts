import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { stageNames } from '../../src/events/stages.ts';
import { freePort } from '../../src/io/server/server-child.ts';
import { startBroker } from '../helpers/broker.ts';
import { type Chain, config } from '../helpers/chain.ts';
import { crashChain, expectNothingLost, hitOf, hooked, inPool, type Plan, withoutPages } from '../helpers/crash.ts';
import { productCommand } from '../helpers/product.ts';
import { waitFor } from '../helpers/temp.ts';

/* The broker loses everything, at each stage: the disk knows what is due. */

const acts = ['flush', 'empty', 'prefix'] as const;
type Act = (typeof acts)[number];

/** Where a wipe falls: before a tool's end is told, and around each event. `cleanup` has no tool. */
const places: Readonly<Record<string, string>> = {
  accepted: 'rename \\S+/\\.p-s0\\.new ',
  'admission added': 'add runs admission-1$',
  started: 'append \\S+/p-s0/\\S+ .*"event":"started"',
  ...Object.fromEntries(
    stageNames
      .filter((stage) => !['select', 'quantize'].includes(stage))
      .flatMap((stage) => [
        [`${stage} added`, `add ${stage} p-s0-${stage}-a1$`],
        [`${stage} in hand`, `append \\S+/p-s0/\\S+ .*"event":"reserved".*"${stage}"`],
        [`${stage} committed`, `append \\S+/p-s0/\\S+ .*"event":"committed".*"${stage}"`],
      ]),
  ),
  'results added': 'add results p-s0-results-a1$',
  'row written': 'rename \\S+ \\S+/results\\.jsonl$',
};

interface Case {
  readonly act: Act;
  readonly name: string;
  readonly plan: Plan;
}

/** Deleting by prefix is the same wipe on another server: one place of each kind is enough. */
const ofPrefix = ['admission added', 'train in hand', 'fuse added', 'eval committed', 'results added'];

const cases: Case[] = acts.flatMap((act) =>
  Object.entries(places)
    .filter(([name]) => act !== 'prefix' || ofPrefix.includes(name))
    .map(([name, at]) => ({ act, name, plan: { at, act, when: 'after' } as const })),
);

/** Two runs with a wipe in the first; the longest pause in their journals afterwards, seconds. */
async function play({ act, plan }: Case, url: string): Promise<number> {
  const chain = await crashChain(await productCommand([withoutPages]), act === 'prefix' ? { REDIS_URL: url } : {});
  try {
    await chain.write('inbox/p.yaml', config('p'));
    await chain.write('inbox/q.yaml', config('q'));
    const up = await chain.startUnder(hooked(chain, plan), 'up', '--once', '--no-dashboard');
    const { code, out, err } = await up.ended;
    const hit = await hitOf(chain, plan);
    expect(hit, `nothing was wiped:\n${out}${err}`).to.not.equal(undefined);
    expect([code, err], out).to.eql([0, '']);
    await expectNothingLost(chain, ['p-s0', 'q-s0'], ['check_data', 'lora', 'fuse_direct', 'serve']);
    const lines = [...(await chain.journal('p-s0')), ...(await chain.journal('q-s0'))];
    const wiped = hit?.at ?? 0;
    const times = [wiped, ...lines.map(({ at }) => Date.parse(at)).filter((at) => at > wiped)].sort((a, b) => a - b);
    return Math.max(...times.slice(1).map((at, index) => at - (times[index] ?? at))) / 1000;
  } finally {
    await chain.remove();
  }
}

describe('a broker that is emptied', function () {
  this.timeout(10 * 60_000);
  let [played, url]: [Promise<number>[], string] = [[], ''];
  let server: Awaited<ReturnType<typeof startBroker>>;

  before(async () => {
    const port = await freePort();
    server = await startBroker(port);
    url = `redis://127.0.0.1:${port}/0`;
    // One workspace on the shared server at a time: a wipe by prefix takes what every workspace has there.
    const own = inPool(
      cases.filter(({ act }) => act !== 'prefix'),
      2,
      (one) => play(one, url),
    );
    const shared = inPool(
      cases.filter(({ act }) => act === 'prefix'),
      1,
      (one) => play(one, url),
    );
    played = [...own, ...shared];
    for (const one of played) one.catch(() => undefined); // told by its own test
  });
  after(async () => {
    const times = (await Promise.allSettled(played)).flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    console.log(
      `    ${times.length} wipes; nothing happened for ${Math.max(...times).toFixed(1)} s at most, tools included`,
    );
    server.kill();
    await once(server, 'exit');
  });

  for (const [index, { act, name }] of cases.entries())
    it(`${{ flush: 'FLUSHALL', empty: 'killed and its folder emptied', prefix: 'REDIS_URL, keys deleted' }[act]} at ${name}`, async () => {
      await played[index];
    });

  for (const wipe of ['FLUSHALL', 'empty folder'] as const)
    it(`${wipe} while a stage waits for its retry: the job is there again, at its time`, async () => {
      const chain = await crashChain(undefined, {}, { retry_pause_s: [6] });
      try {
        await chain.write('inbox/p.yaml', config('p', { scene: { lora: { fail: 1 } } }));
        const up = await chain.up();
        await up.says(/p-s0.*train/);
        const state = (await waitFor('the failure', async () =>
          (await chain.journal('p-s0').catch(() => [])).find(({ event }) => event === 'failed'),
        )) as { retry_at: string };
        const own = await openOwn(chain);
        await waitFor('the job', () => own.exists('p-s0-train-a2'));
        const wiped = performance.now();
        await (wipe === 'FLUSHALL' ? own.redis.flushall() : emptyFolder(chain, own.redis));
        await waitFor('the job again', () => own.exists('p-s0-train-a2'));
        console.log(`      rebuilt after ${((performance.now() - wiped) / 1000).toFixed(1)} s`);
        own.redis.disconnect();
        await chain.row('p-s0');
        const second = (await chain.calls('lora'))[1];
        expect(second?.at).to.be.greaterThan(Date.parse(state.retry_at) - 5);
        await up.stop();
        await expectNothingLost(chain, ['p-s0'], ['fuse_direct', 'serve']);
      } finally {
        await chain.remove();
      }
    });
});

async function openOwn(chain: Chain) {
  const redis = new Redis({ path: join(chain.root, '.phasebox/broker.sock'), maxRetriesPerRequest: null });
  redis.on('error', () => undefined); // it is away for a moment
  const key = `phasebox:${(await chain.read('.phasebox/id')).trim()}:train`;
  return { redis, exists: async (job: string) => (await redis.exists(`${key}:${job}`)) === 1 };
}

/** The broker dies with all that it had on the disk. */
async function emptyFolder(chain: Chain, redis: Redis): Promise<void> {
  const pid = Number(/process_id:(\d+)/.exec(await redis.info('server'))?.[1]);
  process.kill(pid, 'SIGKILL');
  const folder = join(chain.root, '.phasebox/broker');
  // Retried: the broker that `up` starts at once writes there too.
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, maxRetries: 5 });
}
