import { mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { expect } from 'chai';
import type { Manifest } from '../../../src/events/run.ts';
import { type CommitFs, changedOutput, commit, diskFs, hashOutputs } from '../../../src/io/artifacts/commit.ts';
import { startTool } from '../../../src/io/tool/tool-process.ts';
import { tempDir } from '../../helpers/temp.ts';

async function attempt(): Promise<{ dir: string; target: string }> {
  const root = await tempDir('commit');
  const dir = join(root, '.1-train.a1');
  await mkdir(join(dir, 'adapter'), { recursive: true });
  await writeFile(join(dir, 'adapter', 'weights'), 'weights');
  await writeFile(join(dir, 'notes'), 'notes');
  return { dir, target: join(root, '1-train') };
}

/** A disk on which only what was synced is sure to be there after a power cut. */
function recorder(stopAfter: number): { fs: CommitFs; calls: string[] } {
  const calls: string[] = [];
  const step = async <T>(name: string, path: string, work: () => Promise<T>): Promise<T> => {
    if (calls.length === stopAfter) throw new Error('power cut');
    calls.push(`${name} ${basename(path)}`);
    return work();
  };
  return {
    calls,
    fs: {
      remove: (path) => step('remove', path, () => diskFs.remove(path)),
      write: (path, text) => step('write', path, () => diskFs.write(path, text)),
      list: (folder) => diskFs.list(folder),
      sync: (path) => step('sync', path, () => diskFs.sync(path)),
      rename: (from, to) => step('rename', to, () => diskFs.rename(from, to)),
      syncFolder: (path) => step('syncFolder', path, () => diskFs.syncFolder(path)),
    },
  };
}

describe('commit', () => {
  it('publishes the folder under its name, with its manifest and without control files', async () => {
    const { dir, target } = await attempt();
    await (await startTool({ dir, argv: ['true'], env: {}, cwd: dir })).ended;
    await commit(dir, target, { hello: 'there' });
    expect((await readdir(target)).sort()).to.deep.equal([
      'adapter',
      'command.json',
      'log.txt',
      'manifest.json',
      'notes',
    ]);
    expect(JSON.parse(await readFile(join(target, 'manifest.json'), 'utf8'))).to.deep.equal({ hello: 'there' });
  });

  it('syncs every file and folder before the rename, and the parent after it', async () => {
    const { dir, target } = await attempt();
    const { fs, calls } = recorder(Number.POSITIVE_INFINITY);
    await commit(dir, target, {}, fs);
    const renamed = calls.indexOf('rename 1-train');
    const before = calls.slice(0, renamed);
    for (const name of ['manifest.json.tmp', 'weights', 'notes']) expect(before).to.include(`sync ${name}`);
    expect(before.indexOf('sync weights')).to.be.lessThan(before.indexOf('syncFolder adapter'));
    expect(before.at(-1)).to.equal('syncFolder .1-train.a1');
    expect(before.indexOf('write manifest.json.tmp')).to.be.lessThan(before.indexOf('sync manifest.json.tmp'));
    // Its name says that everything is synced, so that control files are needed no more.
    const synced = before.lastIndexOf('syncFolder .1-train.a1', before.length - 2);
    expect(before.indexOf('rename manifest.json')).to.equal(synced + 1);
    expect(before.indexOf('remove started')).to.be.greaterThan(synced);
    expect(calls.slice(renamed + 1)).to.deep.equal([`syncFolder ${basename(dirname(target))}`]);
  });

  it('leaves nothing published when it is cut off anywhere before the rename, and can be done again', async () => {
    const whole = recorder(Number.POSITIVE_INFINITY);
    const first = await attempt();
    await commit(first.dir, first.target, {}, whole.fs);
    const renamed = whole.calls.indexOf('rename 1-train');
    for (let stop = 0; stop <= renamed; stop++) {
      const { dir, target } = await attempt();
      await commit(dir, target, {}, recorder(stop).fs).catch(() => undefined);
      expect(await readdir(dirname(target)), `cut before call ${stop}`).to.deep.equal(['.1-train.a1']);
      await commit(dir, target, {});
      expect((await readdir(target)).includes('manifest.json')).to.equal(true);
    }
  });

  it('refuses to take the place of a stage that is committed already', async () => {
    const { dir, target } = await attempt();
    await mkdir(target);
    await writeFile(join(target, 'manifest.json'), 'the first');
    const error = await commit(dir, target, {}).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).to.be.instanceOf(Error);
    expect(await readFile(join(target, 'manifest.json'), 'utf8')).to.equal('the first');
  });
});

describe('outputs', () => {
  const manifestOf = async (dir: string): Promise<Manifest> => ({
    ...({ version: 1, run: 'a-s0', stage: 'train', attempt: 1, inputs: {}, commands: [], versions: {} } as const),
    ...({
      started: '',
      ended: '',
      seconds: 0,
      peak_bytes: 0,
      estimated_bytes: null,
      warnings: [],
      made: {},
      removed: null,
      host: null,
      servers: [],
      config_sha256: null,
    } as const),
    outputs: await hashOutputs(dir),
  });

  it('are all files but logs and control files, each with its size and sha256', async () => {
    const { dir } = await attempt();
    await writeFile(join(dir, 'log.txt'), 'log');
    const outputs = await hashOutputs(dir);
    expect(outputs.map(({ path, bytes }) => ({ path, bytes }))).to.deep.equal([
      { path: 'adapter/weights', bytes: 7 },
      { path: 'notes', bytes: 5 },
    ]);
    expect(outputs[1]?.sha256).to.equal('ab5aa97074c454a0632057e704220d9a6678fbf773a0a5806fc09b8173b07309');
  });

  it('that are gone, cut, or written to later are reported; removed ones are not', async () => {
    const { dir, target } = await attempt();
    await rename(dir, target);
    const manifest = await manifestOf(target);
    expect(await changedOutput(target, manifest)).to.equal(null);
    await writeFile(join(target, 'notes'), 'NOTES');
    await utimes(join(target, 'notes'), new Date(), new Date(Date.now() + 5000));
    expect(await changedOutput(target, manifest)).to.match(/notes was written to after/);
    await writeFile(join(target, 'notes'), 'no');
    expect(await changedOutput(target, manifest)).to.match(/notes has 2 bytes instead of 5/);
    await rm(join(target, 'notes'));
    expect(await changedOutput(target, manifest)).to.match(/notes is gone/);
    expect(await changedOutput(target, { ...manifest, removed: { at: '', paths: ['notes'] } })).to.equal(null);
  });
});
