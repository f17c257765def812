import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { freePort } from '../../src/io/server/server-child.ts';
import { startBroker } from '../helpers/broker.ts';
import { type Chain, config, makeChain } from '../helpers/chain.ts';
import { waitFor } from '../helpers/temp.ts';

describe('the broker', () => {
  let chains: Chain[] = [];
  let server: ChildProcess | undefined;

  afterEach(async () => {
    for (const chain of chains.splice(0)) await chain.remove();
    if (server === undefined) return;
    server.kill();
    await once(server, 'exit');
    server = undefined;
  });

  it('of one REDIS_URL serves two workspaces that keep apart', async () => {
    const port = await freePort();
    server = await startBroker(port);
    const env = { REDIS_URL: `redis://127.0.0.1:${port}/0` };
    chains = await Promise.all([makeChain({}, env), makeChain({}, env)]);
    for (const chain of chains) await chain.write('inbox/p.yaml', config('p', { seeds: [0, 1] }));
    const ended = await Promise.all(chains.map((chain) => chain.phasebox('up', '--once', '--no-dashboard')));
    expect(ended.map(({ code }) => code)).to.eql([0, 0]);
    for (const chain of chains) {
      expect((await chain.rows()).map(({ run, status }) => [run, status])).to.eql([
        ['p-s0', 'done'],
        ['p-s1', 'done'],
      ]);
      const trained = await chain.calls('lora');
      expect(trained.map(({ run, cwd }) => [run, cwd.startsWith(chain.root)])).to.eql([
        ['p-s0', true],
        ['p-s1', true],
      ]);
    }
    const redis = new Redis(port, '127.0.0.1');
    const keys = await redis.keys('*');
    redis.disconnect();
    const ids = await Promise.all(chains.map(async (chain) => (await chain.read('.phasebox/id')).trim()));
    expect([...new Set(keys.map((key) => key.split(':').slice(0, 2).join(':')))].sort()).to.eql(
      ids.map((id) => `phasebox:${id}`).sort(),
    );
  });

  it('of a REDIS_URL without an answer, or that refuses us: `up` says so and ends, exit 3', async () => {
    const [chain, port] = [await makeChain(), await freePort()];
    chains = [chain];
    const tried = async (url: string) =>
      (await chain.startUnder({ REDIS_URL: url }, 'up', '--once', '--no-dashboard')).ended;
    const none = await tried(`redis://127.0.0.1:${port}/0`);
    expect([none.code, none.out]).to.eql([3, '']);
    expect(none.err).to.match(
      /The broker at redis:.*:\d+\/0 does not answer: connect ECONNREFUSED[\s\S]*correct redis_url/,
    );
    server = await startBroker(port);
    const redis = new Redis(port, '127.0.0.1');
    await redis.config('SET', 'requirepass', 'secret');
    redis.disconnect();
    const refused = await tried(`redis://:wrong@127.0.0.1:${port}/0`);
    expect(refused.code).to.equal(3);
    expect(refused.err)
      .to.match(/does not answer: .*(?:WRONGPASS|invalid)/)
      .and.not.contain('wrong@');
    expect((await tried(`redis://:secret@127.0.0.1:${port}/0`)).code).to.equal(0);
  });

  it('may be emptied while a stage runs: it continues, to one row, nothing twice', async () => {
    const chain = await makeChain();
    chains = [chain];
    const up = await chain.up();
    await chain.write('inbox/p.yaml', config('p', { scene: { lora: { hold: 'go' } } }));
    await chain.write('inbox/q.yaml', config('q'));
    await waitFor('the training', async () => (await chain.calls('lora')).length === 1);
    await up.says('phase q, 1 new run (q-s0)');
    const redis = new Redis({ path: join(chain.root, '.phasebox/broker.sock') });
    await redis.flushall();
    redis.disconnect();
    await chain.release('go');
    for (const run of ['p-s0', 'q-s0']) expect(await chain.row(run)).to.include({ status: 'done' });
    expect((await chain.rows()).map(({ run }) => run)).to.eql(['p-s0', 'q-s0']);
    const tools = (await chain.calls()).filter(({ run }) => run !== null).map(({ run, tool }) => [run, tool]);
    expect(tools).to.eql([
      ...['check_data', 'lora', 'fuse_direct', 'serve'].map((tool) => ['p-s0', tool]),
      ...['check_data', 'lora', 'fuse_direct', 'serve'].map((tool) => ['q-s0', tool]),
    ]);
    for (const run of ['p-s0', 'q-s0']) {
      const events = (await chain.journal(run)).flatMap((line) =>
        ['started', 'committed', 'failed', 'row'].includes(line.event) ? [line.event] : [],
      );
      expect(events).to.eql(['started', ...Array(4).fill('committed'), 'row']);
    }
    expect(await up.stop()).to.equal(0);
  });
});
