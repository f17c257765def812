import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { findUp } from '../../src/io/claim/ownership.ts';
import { listen } from '../../src/io/claim/sockets.ts';
import { machineId } from '../../src/io/host/process-facts.ts';
import { type Chain, config, makeChain } from '../helpers/chain.ts';
import { fine, status } from '../helpers/control.ts';
import { waitFor } from '../helpers/temp.ts';

describe('a request to the owner of a workspace', () => {
  let chain: Chain;
  const state = (): string => join(chain.root, '.phasebox');

  beforeEach(async () => {
    chain = await makeChain();
  });
  afterEach(() => chain.remove());

  const file = (phase: string): Promise<string> => chain.write(`mine/${phase}.yaml`, config(phase));
  const claimed = (): Promise<string[]> => readdir(join(chain.root, 'inbox/.claimed'));
  const socketOf = async (): Promise<string> => (await findUp(state()))?.socket ?? '';

  it('to an `up` that is stopped waits and says so; Ctrl-C leaves nothing behind', async () => {
    const up = await chain.up();
    process.kill(up.pid, 'SIGSTOP');
    const requests = [
      await chain.start('submit', await file('p')),
      await chain.start('pause'),
      await chain.start('stop', '--tools'),
    ];
    const waits = await chain.start('submit', await file('q'));
    await waitFor('the message', () => [...requests, waits].every((one) => one.err().includes('waiting for')));
    for (const one of requests) await one.stop('SIGINT');
    process.kill(up.pid, 'SIGCONT');
    for (const one of requests) expect((await one.ended).out).to.equal('');
    const { code, err } = await waits.ended;
    expect(code, err).to.equal(0);
    expect(err).to.contain(`submit: waiting for \`phasebox up\` (pid ${up.pid})`);
    expect(await chain.row('q-s0')).to.include({ status: 'done' });
    expect((await status(chain)).paused).to.equal(false);
    expect((await chain.rows()).map(({ run }) => run)).to.eql(['q-s0']);
    expect(await up.stop()).to.equal(0);
  });

  it('that is cut in the middle of a line, is garbage or never ends does not disturb `up`', async () => {
    const up = await chain.up();
    const submission = JSON.stringify({ kind: 'submit', files: 2, again: false });
    const half = JSON.stringify({ kind: 'file', name: 'p.yaml', base64: 'cGhhc2U6IHAK', problem: null });
    for (const text of ['', 'poke\n', `${submission}\n${half}\n{"kind":"fi`, 'x'.repeat(3_000_000)]) {
      const client = connect(await socketOf());
      await once(client, 'connect');
      client.on('error', () => undefined); // cut off by `up`
      client.write(text);
      if (text !== '') client.destroySoon();
    }
    await fine(chain, 'submit', await file('q'));
    expect(await chain.row('q-s0')).to.include({ status: 'done' });
    expect(await claimed()).to.eql([]);
    expect((await readdir(join(chain.root, 'inbox/accepted'))).sort()).to.eql(['q.yaml']);
    expect(await up.stop('SIGTERM'), 'an open connection does not keep it').to.equal(0);
  });

  it('that its `up` could no longer answer is handled once, by the command itself', async () => {
    const up = await chain.up();
    // Accepted, and killed before the answer: the command sees its connection close after it said `go`.
    const owner = await findUp(state());
    const client = connect(owner!.socket);
    await once(client, 'connect');
    const bytes = Buffer.from(config('p'));
    client.write(`${JSON.stringify({ kind: 'submit', files: 1, again: false })}\n`);
    const line = { kind: 'file', name: 'p.yaml', base64: bytes.toString('base64'), problem: null };
    client.write(`${JSON.stringify(line)}\n`);
    await once(client, 'data');
    client.write('{"kind":"go"}\n');
    await chain.row('p-s0');
    await up.stop('SIGKILL');
    const again = await chain.phasebox('submit', await file('p'));
    expect([again.code, again.err]).to.eql([0, '']);
    expect(again.out).to.contain('Already known: p-s0 (done)');
    expect(await chain.phasebox('up', '--once', '--no-dashboard')).to.include({ code: 0 });
    expect((await chain.rows()).map(({ run }) => run)).to.eql(['p-s0']);
    expect(await chain.calls('lora')).to.have.length(1);
  });

  it('to an owner that dies after it has begun: asked again, or with --again said to be unknown', async () => {
    await fine(chain, 'submit', await file('p'));
    const [before] = await dyingOwner();
    const plain = await chain.phasebox('submit', await file('p'));
    expect([plain.code, plain.err]).to.eql([0, '']);
    expect(plain.out).to.contain('Already known: p-s0 (waiting)');
    expect(before?.begun()).to.equal(1);
    const [owner] = await dyingOwner();
    const again = await chain.phasebox('submit', '--again', await file('p'));
    expect(again.code).to.equal(3);
    expect(again.err).to.match(/ended before it answered\. `phasebox status` shows whether/);
    expect(owner?.begun()).to.equal(1);
    expect((await status(chain)).of('p-s0.2')).to.equal(undefined);
  });

  it('works, as `status` does, in a workspace in which nothing was ever run', async () => {
    expect(await chain.phasebox('status')).to.include({ code: 0, err: '' });
    expect(await fine(chain, 'pause')).to.contain('paused');
    expect((await status(chain)).paused).to.equal(true);
  });

  it('of several commands at once, while an `up` starts, is done once each', async () => {
    const phases = ['a', 'b', 'c', 'd'];
    const files = await Promise.all(phases.map(file));
    const [up, ...ended] = await Promise.all([chain.up(), ...files.map((path) => chain.phasebox('submit', path))]);
    // A busy machine takes longer than the 2 s after which a command says that it waits.
    for (const { code, err } of ended) {
      expect(code, err).to.equal(0);
      expect(err).to.match(/^(submit: waiting for `phasebox up` \(pid \d+\)\n)?$/);
    }
    for (const phase of phases) expect(await chain.row(`${phase}-s0`)).to.include({ status: 'done' });
    expect(await chain.calls('lora')).to.have.length(4);
    expect((await readdir(join(chain.root, 'inbox/accepted'))).sort()).to.eql(phases.map((phase) => `${phase}.yaml`));
    expect(await up.stop()).to.equal(0);
  });

  it('to an `up` of an earlier version says to restart it, and leaves nothing', async () => {
    const socket = join(state(), 's.1');
    await mkdir(state());
    const old = await listen(socket);
    const claim = { socket, pid: process.pid, moment: false, machine: await machineId(), host: hostname() };
    await writeFile(join(state(), 'up.99'), JSON.stringify(claim));
    for (const args of [['submit', await file('p')], ['pause'], ['stop', '--tools']]) {
      const { code, out, err } = await chain.phasebox(...args);
      expect([code, out], args.join(' ')).to.eql([3, '']);
      expect(err).to.match(/pid \d+\) is of another version of phasebox .*Restart it: `phasebox stop`/);
    }
    await old.close();
    expect((await status(chain)).paused).to.equal(false);
    expect((await status(chain)).runs).to.eql([]);
  });

  /** An owner that dies as soon as the command says `go`; the next command finds no owner. */
  async function dyingOwner() {
    let begun = 0;
    const socket = join(state(), `s.${Math.floor(Math.random() * 1e9)}`);
    const server = await listen(socket, (client) => {
      client.on('data', (chunk) => {
        if (String(chunk).includes('{"kind":"go"}')) {
          begun += 1;
          void server.close();
          client.destroy();
        } else if (String(chunk).endsWith('\n')) client.write('{"kind":"ready"}\n');
      });
    });
    const number = Math.max(...(await readdir(state())).map((name) => Number(/^up\.(\d+)$/.exec(name)?.[1] ?? 0))) + 1;
    const who = { pid: process.pid, machine: await machineId(), host: hostname() };
    await writeFile(join(state(), `up.${number}`), JSON.stringify({ socket, moment: false, requests: 1, ...who }));
    return [{ begun: () => begun }] as const;
  }
});
