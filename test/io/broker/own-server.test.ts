import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { type Broker, openBroker } from '../../../src/io/broker/broker.ts';
import { endServer } from '../../../src/io/broker/own-server.ts';
import { holdersOf } from '../../../src/io/host/process-facts.ts';
import { openWorkspace, type Workspace } from '../../../src/io/workspace/workspace.ts';
import { tempDir } from '../../helpers/temp.ts';

describe('io/broker/own-server', () => {
  let workspace: Workspace;
  let broker: Broker;
  beforeEach(async () => {
    workspace = await openWorkspace(await tempDir('own-server'), 'create');
    broker = await openBroker(workspace, () => undefined);
  });
  afterEach(() => broker.close());

  /** Every process that works in the broker's folder. */
  const servers = () => holdersOf(join(workspace.state, 'broker', 'alive'));
  async function pid(): Promise<number> {
    const redis = new Redis(broker.connection);
    const info = await redis.info('server');
    redis.disconnect();
    return Number(/process_id:(\d+)/.exec(info)?.[1]);
  }

  it('is one server on its files, also when its socket was deleted or when it hangs', async () => {
    const first = await pid();
    expect(await servers()).to.eql([first]);
    await openBroker(workspace, () => undefined);
    expect(await servers(), 'one that answers is used').to.eql([first]);
    await rm(broker.where);
    await openBroker(workspace, () => undefined);
    const second = await pid();
    expect(second).to.not.equal(first);
    expect(await servers()).to.eql([second]);
    process.kill(second, 'SIGSTOP');
    await openBroker(workspace, () => undefined);
    expect(await servers())
      .to.eql([await pid()])
      .and.not.include(second);
  });

  it('starts without its files when it cannot read them, and says so', async () => {
    const kept = join(workspace.state, 'broker', 'appendonlydir');
    for (const damage of ['garbage', 'folder']) {
      await endServer(workspace.state);
      const [manifest = ''] = (await readdir(kept)).filter((name) => name.endsWith('.manifest'));
      await rm(join(kept, manifest));
      if (damage === 'folder') await mkdir(join(kept, manifest));
      else await writeFile(join(kept, manifest), '\xff[1, 2]\n');
      const said: string[] = [];
      broker = await openBroker(workspace, (line) => said.push(line));
      expect(await servers(), damage).to.eql([await pid()]);
      expect(said.join(), damage).to.contain(kept);
    }
  });

  it('is ended by signals where no request ends it, and is not started again for a connection that it ends', async () => {
    expect(await endServer(workspace.state)).to.equal(true);
    expect(await endServer(workspace.state)).to.equal(false);
    await broker.ensure();
    process.kill(await pid(), 'SIGSTOP');
    await broker.close();
    await broker.ensure();
    expect(await servers()).to.eql([]);
  });
});
