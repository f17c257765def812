import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { expect } from 'chai';
import { CommandError } from '../../../src/core/errors.ts';
import { openBroker } from '../../../src/io/broker/broker.ts';
import { openWorkspace } from '../../../src/io/workspace/workspace.ts';
import { tempDir } from '../../helpers/temp.ts';

describe('io/broker/broker', () => {
  const path = process.env.PATH;
  afterEach(() => {
    process.env.PATH = path;
  });

  it('says in words that a server cannot be run, and what to do', async () => {
    const root = await tempDir('broker');
    const bin = join(root, 'bin');
    await mkdir(bin);
    await writeFile(join(bin, 'valkey-server'), '#!/no/such/interpreter\n');
    await chmod(join(bin, 'valkey-server'), 0o755);
    process.env.PATH = `${bin}${delimiter}${path}`;
    const workspace = await openWorkspace(root, 'create');
    const error = await openBroker(workspace, () => undefined).catch((caught: unknown) => caught);
    if (!(error instanceof CommandError)) throw new Error(`not told in words: ${String(error)}`);
    expect(error.exitCode).to.equal(3);
    expect(error.message).to.contain(`${bin}/valkey-server cannot be run`).and.to.contain('brew install valkey');
  });
});
