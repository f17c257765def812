import type { ChildProcess } from 'node:child_process';
import { expect } from 'chai';
import { freePort } from '../../src/io/server/server-child.ts';
import { endBroker, startBroker, tellBroker } from '../helpers/broker.ts';
import { type Chain, config, makeChain, type Running } from '../helpers/chain.ts';
import { waitFor } from '../helpers/temp.ts';

/* The disk is the truth, and rows need no broker: one that refuses stops only what has to be queued, and says so. */

interface Night {
  refuse(): Promise<void>;
  accept(): Promise<void>;
  /** What its tools do beside. */
  readonly scene?: object;
}

describe('a broker that begins to refuse while a run trains', () => {
  let port: number;
  let server: ChildProcess;
  let chain: Chain;
  let up: Running;

  before(async () => {
    port = await freePort();
    server = await startBroker(port);
    chain = await makeChain({}, { REDIS_URL: `redis://:secret-pass@127.0.0.1:${port}/0` });
    up = await chain.up();
  });
  after(async () => {
    await chain.remove();
    await endBroker(server);
  });

  const status = async () => JSON.parse((await chain.phasebox('status', '--json')).out);
  const training = (run: string) =>
    waitFor(`the training of ${run}`, async () => (await chain.calls('lora')).some((call) => call.run === run));

  /** `refuse` while the first run trains: it gets its row, all say why the second one waits, until `accept`. */
  async function night(name: string, cause: RegExp, how: Night) {
    const [first, second] = [`${name}-s0`, `${name}-s1`];
    await chain.write(
      `inbox/${name}.yaml`,
      config(name, { seeds: [0, 1], scene: { ...how.scene, lora: { hold: `go-${name}` } } }),
    );
    await training(first);
    await how.refuse();
    const heard = up.out().length;
    await waitFor('the cause on the terminal', () => cause.test(up.out()));
    await waitFor('the page', async () => cause.test(await chain.read('artifacts/COMPARISON.md').catch(() => '')));
    const told = await status();
    expect(told.broker.message).to.match(cause);
    expect((await chain.phasebox('status')).out).to.match(cause);
    await chain.release(`go-${name}`);
    expect(await chain.row(first)).to.include({ status: 'done' });
    await up.says(new RegExp(`${first}: .*%`));
    expect((await status()).runs.find(({ run }: { run: string }) => run === second).state).to.equal('waiting');
    await how.accept();
    expect(await chain.row(second)).to.include({ status: 'done' });
    await waitFor('the page without it', async () => !cause.test(await chain.read('artifacts/COMPARISON.md')));
    expect((await status()).broker).to.equal(null);
    expect(up.out().slice(heard)).to.contain('the broker takes writes again after');
    const rows = (await chain.rows()).map(({ run }) => run).filter((run) => run.startsWith(`${name}-`));
    expect(rows).to.eql([first, second]);
    for (const run of rows) expect((await chain.journal(run)).filter(({ event }) => event === 'row')).to.have.length(1);
    expect((await chain.calls('lora')).filter(({ run }) => rows.includes(run ?? ''))).to.have.length(2);
  }

  it('since its memory is full: the run gets its row, terminal, status and page say why, the next one starts on its own', () =>
    night('oom', /refuses writes: its memory is full \(OOM/, {
      refuse: async () => void (await tellBroker(port, 'CONFIG', 'SET', 'maxmemory', '1')),
      accept: async () => void (await tellBroker(port, 'CONFIG', 'SET', 'maxmemory', '0')),
    }));

  it('since it became a replica; a stage that fails meanwhile is tried again', () =>
    night('replica', /refuses writes: it is a read-only replica \(READONLY/, {
      refuse: async () => void (await tellBroker(port, 'REPLICAOF', '127.0.0.1', '1')),
      accept: async () => void (await tellBroker(port, 'REPLICAOF', 'NO', 'ONE')),
      scene: { fuse_direct: { fail: 1 } },
    }));

  it('since it is gone', () =>
    night('gone', /does not answer: connect ECONNREFUSED/, {
      refuse: () => endBroker(server),
      accept: async () => {
        server = await startBroker(port);
      },
    }));

  it('and `up` ends meanwhile: its tool continues, and the next `up` resumes it once writes are accepted', async () => {
    await chain.write('inbox/end.yaml', config('end', { scene: { lora: { hold: 'go-end' } } }));
    await training('end-s0');
    await tellBroker(port, 'CONFIG', 'SET', 'maxmemory', '1');
    await waitFor('the cause', async () => (await status()).broker !== null);
    expect(await up.stop('SIGTERM')).to.equal(0);
    expect(await chain.read('artifacts/COMPARISON.md')).not.to.contain('refuses writes');
    // As an `up` that was killed leaves it.
    await chain.write('.phasebox/broker.json', JSON.stringify({ since: '2026-11-28', message: 'refuses writes' }));
    expect((await chain.phasebox('report', '--print')).out).not.to.contain('refuses writes');
    const refused = await chain.phasebox('up', '--once', '--no-dashboard');
    expect([refused.code, refused.out]).to.eql([3, '']);
    expect(refused.err).to.match(/^The broker at .* refuses writes: its memory is full/);
    await tellBroker(port, 'CONFIG', 'SET', 'maxmemory', '0');
    up = await chain.up();
    await chain.release('go-end');
    expect(await chain.row('end-s0')).to.include({ status: 'done' });
    expect((await chain.calls('lora')).filter(({ run }) => run === 'end-s0')).to.have.length(1);
    expect((await status()).broker).to.equal(null);
  });

  it('and no word of its password is printed, logged or written', async () => {
    const log = await chain.read('.phasebox/log/phasebox.log');
    for (const text of [up.out(), log, await chain.read('artifacts/COMPARISON.md')])
      expect(text).not.to.contain('secret-pass');
    expect(await up.stop()).to.equal(0);
  });
});

describe('`up` with a broker of no use', () => {
  let port: number;
  let server: ChildProcess;
  let chain: Chain;

  before(async () => {
    port = await freePort();
    server = await startBroker(port);
    for (const [name, keys] of [
      ['other', '~other*'],
      ['quiet', '~phasebox*'],
    ] as const)
      await tellBroker(port, 'ACL', 'SETUSER', name, 'on', '>s3cret', keys, '+@all', '-@admin', '-@dangerous');
    chain = await makeChain();
  });
  after(async () => {
    await chain.remove();
    await endBroker(server);
  });

  const tried = async (url: string) =>
    (await chain.startUnder({ REDIS_URL: url }, 'up', '--once', '--no-dashboard')).ended;

  it('ends with 3 and says why, in a line or two without a stack and without the password', async () => {
    const cases: readonly (readonly [url: string, says: RegExp])[] = [
      ['redis://:s3cret%@127.0.0.1:6379', /^REDIS_URL, or redis_url .* is wrong\. .*percent-encoded/],
      [`redis://127.0.0.1:${port}/abc`, /^REDIS_URL, .* is wrong\. .*number of a database/],
      [`redis://127.0.0.1:${port}/99`, /^The broker at .*\/99 refuses writes: it has no database of that number/],
      [`redis://other:s3cret@127.0.0.1:${port}`, /^The broker at .* refuses writes: .*\(NOPERM/],
    ];
    // One after the other: a workspace has one owner.
    for (const [url, says] of cases) {
      const { code, out, err } = await tried(url);
      expect([code, out], err).to.eql([3, '']);
      expect(err)
        .to.match(says)
        .and.not.match(/\n {4}at |s3cret/);
    }
  });

  it('works with one whose ACL forbids INFO, without a word on stderr', async () => {
    await chain.write('inbox/p.yaml', config('p'));
    const { code, err } = await tried(`redis://quiet:s3cret@127.0.0.1:${port}`);
    expect([code, err]).to.eql([0, '']);
    expect((await chain.rows()).map(({ status }) => status)).to.eql(['done']);
  });

  it('takes an empty REDIS_URL for none', async () => {
    expect(await tried('')).to.include({ code: 0, err: '' });
  });
});
