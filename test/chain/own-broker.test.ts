import { chmod, mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { expect } from 'chai';
import { installedBroker } from '../../src/io/broker/broker-binary.ts';
import { commandLine } from '../../src/io/host/process-facts.ts';
import { brokerPid } from '../helpers/broker.ts';
import { type Chain, makeChain } from '../helpers/chain.ts';
import { waitFor } from '../helpers/temp.ts';

/* `remove` fails when a process of the workspace is left: no broker may be. */

let chain: Chain;

describe('a broker of its own', () => {
  beforeEach(async () => {
    chain = await makeChain();
  });
  afterEach(() => chain.remove());

  it('is not left behind by a Ctrl-C while it starts', async () => {
    const bin = join(chain.root, 'bin');
    await mkdir(bin);
    const hold = 'touch starting; until [ -e go ]; do sleep 0.02; done';
    await chain.write('bin/valkey-server', `#!/bin/sh\n${hold}\nexec '${await installedBroker()}' "$@"\n`);
    await chmod(join(bin, 'valkey-server'), 0o755);
    const up = await chain.startUnder({ PATH: `${bin}${delimiter}${process.env.PATH}` }, 'up', '--no-dashboard');
    await waitFor('the start of the broker', () =>
      chain.read('starting').then(
        () => true,
        () => false,
      ),
    );
    process.kill(up.pid, 'SIGINT');
    await chain.release('go');
    expect((await up.ended).code).to.equal(0);
  });

  it('that hangs is ended with `up`; one that a killed `up` left is ended by `stop --tools`', async () => {
    const up = await chain.up();
    process.kill((await brokerPid(chain.root))!, 'SIGSTOP');
    expect(await up.stop('SIGTERM')).to.equal(0);
    const killed = await chain.up();
    const pid = (await brokerPid(chain.root))!;
    await killed.stop('SIGKILL');
    expect(await commandLine(pid), 'it outlives its `up`').to.not.equal(null);
    const { code, out } = await chain.phasebox('stop', '--tools');
    expect([code, out]).to.eql([0, 'stopped the broker that an earlier `phasebox up` left running\n']);
    expect(await commandLine(pid)).to.equal(null);
  });
});
