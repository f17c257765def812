import { chmod, mkdir, readdir, rmdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { type Diagnosis, doctor, doctorText } from '../../src/commands/doctor.ts';
import { checkMachine, type Machine } from '../../src/commands/parts/check-machine.ts';
import type { Check } from '../../src/commands/parts/checks.ts';
import { CommandError } from '../../src/core/errors.ts';
import { openBroker } from '../../src/io/broker/broker.ts';
import { claimWorkspace } from '../../src/io/claim/ownership.ts';
import { packageRoot } from '../../src/io/host/package-root.ts';
import { freePort } from '../../src/io/server/server-child.ts';
import type { Workspace } from '../../src/io/workspace/workspace.ts';
import { testPython } from '../helpers/real-stage.ts';
import { makeWorkspace } from '../helpers/stored.ts';
import { tempDir } from '../helpers/temp.ts';

const config = (more = ''): string => `python: ${testPython}\ndisk_reserve_gb: 0\ndashboard: { port: 0 }\n${more}`;

const named = ({ checks }: Diagnosis, name: string): Check[] => checks.filter((check) => check.name === name);
const statusOf = (diagnosis: Diagnosis, name: string): string[] => named(diagnosis, name).map(({ status }) => status);

/** A python that passes for one: what only costs time when it is not what a test is about. */
async function quickPython(text = 'exit 0', mlx_lm = '0.32.2'): Promise<string> {
  const path = join(await tempDir('python'), 'python');
  const facts = { versions: { python: '3.12.1', mlx: '0.32.4', mlx_lm, transformers: '5.0' }, defaults: {} };
  const script = `#!/bin/sh\ncase "$1" in *facts.py) echo '${JSON.stringify(facts)}'; exit;; -c) echo gpu;; esac\n${text}\n`;
  await writeFile(path, script);
  await chmod(path, 0o755);
  return path;
}

const thisMachine: Machine = {
  ...{ platform: process.platform, arch: process.arch, version: process.version, env: process.env },
};

describe('doctor', () => {
  it('finds all that is needed, leaves nothing, and says so', async () => {
    const workspace = await makeWorkspace(config());
    const diagnosis = await doctor(workspace.root);
    expect(diagnosis.checks.filter(({ status }) => status === 'missing')).to.eql([]);
    expect(diagnosis.ok).to.equal(true);
    const names = diagnosis.checks.map(({ name }) => name);
    expect(names).to.include.members(['node', 'system', 'ps', 'python', 'mlx_lm', 'transformers', 'mlx', 'drivers']);
    expect(names).to.include.members([
      'broker',
      'workspace',
      'inbox',
      'artifacts',
      'tools',
      'sockets',
      'disk',
      'clock',
    ]);
    expect(names).to.include.members(['dashboard', 'up']);
    expect(named(diagnosis, 'mlx')[0]?.detail).to.contain('computes');
    expect(doctorText(diagnosis))
      .to.match(/^ok +node +/m)
      .and.to.contain('everything that is needed is there');
    for (const folder of [workspace.root, workspace.inbox, workspace.artifacts, workspace.state])
      expect((await readdir(folder)).filter((name) => /doctor|^d\.\d/.test(name))).to.eql([]);
  });

  it('says what a Python without mlx_lm lacks, and how it gets it', async () => {
    const python = await quickPython();
    await writeFile(python, '#!/bin/sh\necho "mlx_lm is not installed in here" >&2\nexit 3\n');
    const diagnosis = await doctor((await makeWorkspace(config().replace(testPython, python))).root);
    expect(diagnosis.ok).to.equal(false);
    expect(named(diagnosis, 'mlx_lm')[0]).to.include({ status: 'missing', detail: `not installed in ${python}` });
    expect(named(diagnosis, 'mlx_lm')[0]?.todo).to.contain('python3 -m venv .venv && .venv/bin/pip install');
    expect(doctorText(diagnosis)).to.match(/^\d+ things? missing$/m);
  });

  it('says of a Python that is too old for mlx which one it is, and what to do instead of pip install', async () => {
    const old = { version: '3.9.6', implementation: 'CPython', system: 'Darwin', machine: 'x86_64', bits: 64 };
    const here = { ...old, translated: true, glibc: null };
    const python = await quickPython();
    await writeFile(python, `#!/bin/sh\necho '${JSON.stringify({ here })}' >&2\nexit 3\n`);
    const diagnosis = await doctor((await makeWorkspace(config().replace(testPython, python))).root);
    expect(diagnosis.ok).to.equal(false);
    const [check] = named(diagnosis, 'python');
    expect(check).to.include({ status: 'missing' });
    expect(check?.detail).to.match(/python is Python 3\.9\.6 on x86_64: .*runs under Rosetta$/);
    expect(check?.todo).to.contain('arm64').and.not.contain('pip install');
    expect(named(diagnosis, 'mlx_lm')).to.eql([]);
  });

  it('finds mlx_lm that does not compute and drivers that do not run', async () => {
    const python = await quickPython('echo "ImportError: no libmlx" >&2; exit 1');
    const diagnosis = await doctor((await makeWorkspace(config().replace(testPython, python))).root);
    expect(statusOf(diagnosis, 'mlx_lm')).to.eql(['ok']);
    expect(named(diagnosis, 'mlx')[0]).to.include({ status: 'missing' });
    expect(named(diagnosis, 'mlx')[0]?.detail).to.contain('no libmlx');
    expect(named(diagnosis, 'drivers')[0]?.detail).to.contain('download.py does not run').and.to.contain('no libmlx');
  });

  it('gives a Python program that reads its input an empty one', async () => {
    const workspace = await makeWorkspace(config().replace(testPython, await quickPython('cat')));
    // Before, each program waited for its time-out of two minutes, and was called broken.
    expect(statusOf(await doctor(workspace.root), 'drivers')).to.eql(['ok']);
  });

  it('warns of versions that are known to fail together', async () => {
    const python = await quickPython('exit 0', '0.31.3');
    const diagnosis = await doctor((await makeWorkspace(config().replace(testPython, python))).root);
    const [versions, ...more] = named(diagnosis, 'versions');
    expect(more).to.eql([]);
    expect(versions?.status).to.equal('warn');
    expect(versions?.detail).to.contain('mlx-lm 0.31.3 does not work with mlx 0.32.4: the training of a mixture');
    expect(versions?.todo).to.contain(`${python} -m pip install --upgrade mlx-lm`);
  });

  it('looks at the rest when there is no workspace, and is not content', async () => {
    const folder = await tempDir();
    const before = process.env.PHASEBOX_PYTHON;
    process.env.PHASEBOX_PYTHON = await quickPython();
    try {
      const diagnosis = await doctor(folder);
      expect(diagnosis.ok).to.equal(false);
      expect(named(diagnosis, 'workspace')[0]?.todo).to.contain(`phasebox init ${folder}`);
      expect(statusOf(diagnosis, 'drivers')).to.eql(['ok']);
      expect(statusOf(diagnosis, 'broker')).to.have.length(1);
    } finally {
      if (before === undefined) delete process.env.PHASEBOX_PYTHON;
      else process.env.PHASEBOX_PYTHON = before;
    }
    expect(await readdir(folder)).to.eql([]);
  });

  /** `doctor` of somebody who may read the folders and not write them; as root that is another user. */
  async function doctorOfOther(workspace: Workspace, paths: readonly string[], mode: number): Promise<Diagnosis> {
    const other = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
    await chmod(workspace.root, 0o755);
    for (const path of paths) await chmod(path, mode);
    try {
      const argv = [join(packageRoot().folder, 'dist/phasebox.js'), 'doctor', '--json', '--workspace', workspace.root];
      const { stdout } = await execa(process.execPath, argv, {
        ...other,
        cwd: '/',
        env: { HOME: '/nowhere' },
        reject: false,
      });
      return JSON.parse(stdout);
    } finally {
      for (const path of paths) await chmod(path, 0o755);
    }
  }

  it('says whose the folders are that it may not write, and how they are taken back', async () => {
    const workspace = await makeWorkspace('python: /bin/false\n');
    const { root, inbox, artifacts, state } = workspace;
    const helps = process.getuid?.() === 0 ? `sudo chown -R "$(id -un)" ${root}` : 'chmod -R u+rwX ';
    const closed = await doctorOfOther(workspace, [inbox, artifacts, state], 0o555);
    for (const name of ['inbox', 'artifacts', 'tools', 'sockets', 'clock']) {
      expect(named(closed, name)[0]?.detail, name).to.contain('EACCES');
      expect(named(closed, name)[0]?.todo, name).to.contain(helps);
    }
    const hidden = await doctorOfOther(workspace, [state], 0o000);
    expect(named(hidden, 'workspace')[0]?.todo).to.contain(helps);
    expect(named(hidden, 'node')).to.have.length(1);
  });

  it('says what is in the way of a folder', async () => {
    const workspace = await makeWorkspace(config('inbox: file\n').replace(testPython, await quickPython()));
    await rmdir(workspace.inbox);
    await writeFile(workspace.inbox, '');
    const diagnosis = await doctor(workspace.root);
    for (const name of ['inbox', 'clock']) expect(named(diagnosis, name)[0]?.todo, name).to.contain('Move it away');
  });

  it('refuses a phasebox.yaml that is wrong', async () => {
    const root = await tempDir();
    await mkdir(join(root, '.phasebox'));
    await writeFile(join(root, 'phasebox.yaml'), 'inboxx: a\n');
    const error = await doctor(root).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(CommandError).with.property('exitCode', 2);
  });

  it('tells a disk that is too full, a taken port and a living up', async () => {
    const other = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
    const python = await quickPython();
    const workspace = await makeWorkspace(`python: ${python}\ndisk_reserve_gb: 1e9\ndashboard: { port: ${port} }\n`);
    const claim = await claimWorkspace(workspace.state);
    try {
      const diagnosis = await doctor(workspace.root);
      expect(named(diagnosis, 'disk')[0]).to.include({ status: 'missing' });
      expect(named(diagnosis, 'disk')[0]?.todo).to.contain('disk_reserve_gb');
      expect(named(diagnosis, 'dashboard')[0]?.detail).to.contain(`port ${port} is in use`);
      expect(named(diagnosis, 'up')[0]?.detail).to.contain(String(process.pid));
    } finally {
      other.close();
      if (claim.kind === 'owned') await claim.ownership.release();
    }
  });

  it('asks the broker that is given', async () => {
    const python = await quickPython();
    const own = await makeWorkspace(`python: ${python}\n`);
    const broker = await openBroker(own, () => undefined);
    try {
      expect(named(await doctor(own.root), 'broker')[0]?.detail).to.contain('its own broker is running');
    } finally {
      await broker.close();
    }
    const nobody = await freePort();
    const lost = await makeWorkspace(
      config(`redis_url: redis://:secret@127.0.0.1:${nobody}/2\n`).replace(testPython, python),
    );
    const [check] = named(await doctor(lost.root), 'broker');
    expect(check).to.include({ status: 'missing' });
    expect(check?.detail).to.contain(`redis://127.0.0.1:${nobody}/2`).and.to.contain('ECONNREFUSED');
    expect(JSON.stringify(check)).not.to.contain('secret');
  });

  it('knows the machines that it cannot run on', async () => {
    const on = async (changed: Partial<Machine>): Promise<string[]> =>
      (await checkMachine({ ...thisMachine, ...changed }))
        .filter(({ status }) => status === 'missing')
        .map(({ detail }) => detail);
    expect(await on({ platform: 'win32' })).to.eql(['Windows is not supported']);
    expect(await on({ platform: 'darwin', arch: 'x64' })).to.have.length(1);
    expect(await on({ version: 'v20.18.3' })).to.eql(['20.18.3 is too old']);
    expect(await on({ version: 'v24.0.0' })).to.eql([]);
  });

  it('hints at the compiler of mlx on Linux only, and only where it is on', async () => {
    const bin = await tempDir('bin');
    await writeFile(join(bin, 'g++'), '#!/bin/sh\n');
    await chmod(join(bin, 'g++'), 0o755);
    const names = async (platform: Machine['platform'], env: NodeJS.ProcessEnv): Promise<string[]> =>
      (await checkMachine({ ...thisMachine, platform, arch: 'arm64', env })).map(({ name }) => name);
    expect(await names('linux', { PATH: bin })).to.include('mlx on cpu');
    expect(await names('linux', { PATH: bin, MLX_DISABLE_COMPILE: '1' })).not.to.include('mlx on cpu');
    expect(await names('linux', { PATH: '' })).not.to.include('mlx on cpu');
    expect(await names('darwin', { PATH: bin }))
      .to.include('caffeinate')
      .and.not.include('mlx on cpu');
  });
});
