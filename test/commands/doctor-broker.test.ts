import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { checkBroker } from '../../src/commands/parts/check-broker.ts';
import { CommandError } from '../../src/core/errors.ts';
import { givenBroker } from '../../src/io/broker/broker.ts';
import { freePort } from '../../src/io/server/server-child.ts';
import { openWorkspace, type Workspace } from '../../src/io/workspace/workspace.ts';
import { endBroker, startBroker, tellBroker } from '../helpers/broker.ts';
import { tempDir, waitFor } from '../helpers/temp.ts';

/** A broker that is there and is of no use. `make` sets a server on a port up for it. */
interface Case {
  readonly name: string;
  readonly settings?: readonly string[];
  readonly make?: (port: number, folder: string) => Promise<unknown>;
  readonly user?: string;
  readonly path?: string;
  readonly says: RegExp;
}

const acl = (...rights: readonly string[]) => ({
  make: (port: number) => tellBroker(port, 'ACL', 'SETUSER', 'bob', 'on', '>s3cret', ...rights),
  user: 'bob:s3cret@',
});

/** `--save` and a folder that is gone: the snapshot fails, and with it every write. */
async function failSnapshot(port: number, folder: string): Promise<void> {
  await tellBroker(port, 'CONFIG', 'SET', 'save', '1 1');
  await rm(folder, { recursive: true });
  await tellBroker(port, 'BGSAVE');
  const failed = async () => /rdb_last_bgsave_status:err/.test(String(await tellBroker(port, 'INFO', 'persistence')));
  await waitFor('the snapshot to fail', failed);
}

const refused: readonly Case[] = [
  { name: 'a replica', settings: ['--replicaof', '127.0.0.1', '1'], says: /refuses writes: .*replica \(READONLY/ },
  {
    name: 'a replica that has lost its primary',
    settings: ['--replicaof', '127.0.0.1', '1', '--replica-serve-stale-data', 'no'],
    says: /refuses writes: it is a replica that has lost its primary \(MASTERDOWN/,
  },
  { name: 'a full one', settings: ['--maxmemory', '1mb'], says: /refuses writes: its memory is (almost )?full/ },
  { name: 'a cluster', settings: ['--cluster-enabled', 'yes'], says: /part of a cluster \((CLUSTERDOWN|CROSSSLOT)/ },
  { name: 'an ACL without our prefix', ...acl('~other*', '+@all'), says: /refuses writes: .*\(ACL\).*NOPERM/ },
  { name: 'an ACL without scripts', ...acl('~phasebox*', '+@all', '-@scripting'), says: /\(ACL\).*'eval' command/ },
  { name: 'an ACL without streams', ...acl('~phasebox*', '+@all', '-xadd'), says: /\(ACL\)/ },
  { name: 'an ACL that cannot wait', ...acl('~phasebox*', '+@all', '-bzpopmin'), says: /\(ACL\).*'bzpopmin'/ },
  {
    name: 'too few replicas',
    make: (port) => tellBroker(port, 'CONFIG', 'SET', 'min-replicas-to-write', '3'),
    says: /too few replicas/,
  },
  { name: 'a snapshot that failed', make: failSnapshot, says: /cannot write its own data to disk \(MISCONF/ },
  { name: 'no such database', path: '/99', says: /no database of that number/ },
  { name: 'no password given', settings: ['--requirepass', 's3cret'], says: /does not answer: .*\(NOAUTH/ },
  { name: 'a wrong password', settings: ['--requirepass', 'x'], user: ':s3cret@', says: /password \(WRONGPASS/ },
  { name: 'an unknown user', user: 'eve:s3cret@', says: /password \(WRONGPASS/ },
  { name: 'no scripts at all', settings: ['--rename-command', 'EVAL', ''], says: /lacks a command/ },
];

describe('a broker that is there and is of no use', () => {
  const servers: ChildProcess[] = [];
  let workspace: Workspace;
  let strangers: Promise<PromiseSettledResult<void>[]>;

  before(async () => {
    workspace = await openWorkspace(await tempDir('doctor-broker'), 'create');
    strangers = askStrangers(); // takes the seconds that a server may take to answer: other tests run meanwhile
  });
  after(async () => {
    await Promise.all(servers.map(endBroker));
  });

  /** What `doctor` says, and how `up` would end. */
  async function asked(url: string) {
    const [doctor, up] = await Promise.all([
      checkBroker(workspace, url),
      givenBroker(url, () => undefined)
        .reach('phasebox:test')
        .then(
          () => null,
          (error: unknown) => error,
        ),
    ]);
    return { doctor: doctor[0], up };
  }

  async function expectRefused(url: string, says: RegExp): Promise<void> {
    const { doctor, up } = await asked(url);
    expect(doctor).to.include({ name: 'broker', status: 'missing' });
    expect(`${doctor?.detail}. ${doctor?.todo}`)
      .to.match(says)
      .and.match(/correct REDIS_URL/);
    if (!(up instanceof CommandError)) throw new Error(`not refused in words: ${String(up)}`);
    expect(up.exitCode).to.equal(3);
    expect(up.message).to.match(says);
    expect(`${JSON.stringify(doctor)} ${up.message}`).not.to.contain('s3cret');
  }

  async function server(settings: readonly string[] = []): Promise<{ port: number; folder: string }> {
    const [port, folder] = [await freePort(), await tempDir('broker')];
    servers.push(await startBroker(port, '--dir', folder, ...settings));
    return { port, folder };
  }

  async function askStrangers(): Promise<PromiseSettledResult<void>[]> {
    const web = createHttpServer((_, response) => response.end('hello'));
    const shut = createServer((socket) => socket.destroy());
    const mute = createServer(() => undefined);
    const { port } = await server();
    for (const one of [web, shut, mute]) await once(one.listen(0, '127.0.0.1'), 'listening');
    const url = (one: typeof shut): string => `redis://:s3cret@127.0.0.1:${(one.address() as AddressInfo).port}`;
    const tried = await Promise.allSettled([
      expectRefused(url(web), /what answers there is not a Redis/),
      expectRefused(url(shut), /it closed the connection at once/),
      expectRefused(url(mute), /it accepted no connection, or never replied/),
      expectRefused(`rediss://127.0.0.1:${port}`, /TLS/),
    ]);
    web.closeAllConnections();
    for (const one of [web, shut, mute]) one.close();
    return tried;
  }

  for (const { name, settings, make, user = '', path = '', says } of refused)
    it(`${name}: doctor and up say so, exit 3`, async () => {
      const { port, folder } = await server(settings);
      await make?.(port, folder);
      await expectRefused(`redis://${user}127.0.0.1:${port}${path}`, says);
    });

  it('one with all the clients that it allows', async () => {
    const { port } = await server(['--maxclients', '1']);
    const held = new Redis(port, '127.0.0.1');
    held.on('error', () => undefined); // the connection that found the server up may still be there
    try {
      await held.ping();
      await expectRefused(`redis://127.0.0.1:${port}`, /does not answer: .*maxclients/s);
    } finally {
      held.disconnect();
    }
  });

  it('a Sentinel', async () => {
    const [port, folder] = [await freePort(), await tempDir('sentinel')];
    const file = join(folder, 'sentinel.conf');
    await writeFile(file, '');
    servers.push(await startBroker(port, { sentinel: file }));
    await expectRefused(`redis://:s3cret@127.0.0.1:${port}`, /Sentinel/);
  });

  it('a web server, a port that closes, one that never answers, and TLS where there is none', async () => {
    for (const one of await strangers) if (one.status === 'rejected') throw one.reason;
  });

  it('but one whose ACL forbids INFO is of use: its version is unknown, and doctor says so', async () => {
    const { port } = await server();
    await acl('~phasebox*', '+@all', '-@admin', '-@dangerous').make(port);
    const { doctor, up } = await asked(`redis://bob:s3cret@127.0.0.1:${port}`);
    expect(up).to.equal(null);
    expect(doctor).to.include({ status: 'ok', todo: null });
    expect(doctor?.detail).to.contain('version unknown (its ACL forbids INFO)');
  });

  it('and one that still reads its data is waited for', async () => {
    const { port, folder } = await server();
    // Each key takes 10 ms to read, and after each the server looks at its clients.
    const keys = Array.from({ length: 150 }, (_, index) => [`key-${index}`, 'x'.repeat(2000)]);
    await tellBroker(port, 'MSET', ...keys.flat());
    await tellBroker(port, 'CONFIG', 'SET', 'rdbcompression', 'no');
    await tellBroker(port, 'SAVE');
    const slow = ['--key-load-delay', '10000', '--loading-process-events-interval-bytes', '1024'];
    const again = await freePort();
    servers.push(await startBroker(again, '--dir', folder, ...slow));
    const lines: string[] = [];
    const reached = givenBroker(`redis://127.0.0.1:${again}`, (line) => lines.push(line)).reach('phasebox:test');
    const [doctor] = await checkBroker(workspace, `redis://127.0.0.1:${again}`);
    expect(doctor).to.include({ status: 'warn' });
    expect(doctor?.detail).to.contain('still reading its data');
    await reached;
    expect(lines).to.eql([`the broker at redis://127.0.0.1:${again}/0 is still reading its data; waiting for it`]);
  });

  it('and the check leaves no key behind', async () => {
    const { port } = await server();
    await asked(`redis://127.0.0.1:${port}/3`);
    expect(await tellBroker(port, 'INFO', 'keyspace')).not.to.contain('keys=');
  });
});
