import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { tempDir } from './helpers/temp.ts';

const repository = join(import.meta.dirname, '..');
const requirements = process.platform === 'darwin' ? 'requirements-macos.txt' : 'requirements-linux.txt';

interface Ended {
  code: number | string | null;
  stdout: string;
  stderr: string;
}

/** A bare clone with the real set-up, a small command to build, and a PATH that holds only what a test puts there. */
async function bareClone() {
  const folder = await tempDir('clone');
  const at = (...parts: string[]): string => join(folder, ...parts);
  for (const part of ['bin', 'python', 'src/io/tool', 'elsewhere']) await mkdir(at(part), { recursive: true });
  await cp(join(repository, 'scripts'), at('scripts'), { recursive: true });
  await cp(join(repository, 'src/io/tool/wrap.sh'), at('src/io/tool/wrap.sh'));
  for (const part of ['src/entry.ts', 'src/core/version.ts']) await cp(join(repository, part), at(part));
  await writeFile(at('package.json'), '{ "type": "module" }');
  await writeFile(at('python', requirements), 'mlx-lm==0.32.2\n');
  await writeFile(at('src/cli.ts'), 'console.log(JSON.stringify({ said: process.argv[2] as string }));\n');
  // Programs of their own in dist/.
  for (const part of ['src/io/thread/worker.ts', 'src/io/page/pages-child.ts']) {
    await mkdir(at(dirname(part)), { recursive: true });
    await writeFile(at(part), '');
  }
  await writeLock(folder, '1.0.0');
  await program(folder, 'npm', fakeNpm);
  const setup = (env: NodeJS.ProcessEnv = {}): Promise<Ended> =>
    new Promise((resolve) => {
      const options = { cwd: at('elsewhere'), env: { PATH: at('bin'), LOG: at('log'), HOME: folder, ...env } };
      execFile(process.execPath, [at('scripts/setup.mjs')], options, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : (error.code ?? null), stdout, stderr });
      });
    });
  /** What was called since the last look: npm, venv, pip, import. */
  const called = async (): Promise<string[]> => {
    const text = await readFile(at('log'), 'utf8').catch(() => '');
    await rm(at('log'), { force: true });
    return text.split('\n').filter((line) => line !== '');
  };
  return { folder, at, setup, called };
}

/** Only the one package that the build needs, and a build of it for another system, which npm leaves out. */
async function writeLock(folder: string, version: string): Promise<void> {
  const installed = { '': {}, 'node_modules/esbuild': { version } };
  const packages = { ...installed, 'node_modules/@esbuild/other': { version, optional: true } };
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify({ packages }));
  await writeFile(join(folder, 'installed.json'), JSON.stringify({ packages: installed }));
}

async function program(folder: string, name: string, text: string): Promise<string> {
  const path = join(folder, 'bin', name);
  await writeFile(path, text);
  await chmod(path, 0o755);
  return path;
}

/** Programs on PATH are called with their whole path, as PATH has no others. */
const fakeNpm = `#!/bin/sh
echo "npm $*" >>"$LOG"
/bin/rm -rf node_modules && /bin/mkdir node_modules || exit 1
/bin/ln -s '${repository}/node_modules/esbuild' node_modules/esbuild
[ -z "$NPM_FAILS" ] || exit 1
/bin/cp installed.json node_modules/.package-lock.json
`;

const fakePython = (version: string, lacking = '') => `#!/bin/sh
case "$1 $2" in
  "-c "*sys.executable*) echo "$0|${version}|arm64${lacking}" ;;
  "-c "*) echo import >>"$LOG" ;;
  "-m venv") echo venv >>"$LOG"; /bin/rm -rf "$4"; /bin/mkdir -p "$4/bin" && /bin/cp "$0" "$4/bin/python" ;;
  "-m pip") echo pip >>"$LOG"; [ -z "$PIP_FAILS" ] ;;
esac
`;

describe('set-up', () => {
  it('without any Python: says what to install, before it downloads anything', async () => {
    const { setup, called } = await bareClone();
    const { code, stderr } = await setup();
    expect(code).to.equal(3);
    expect(stderr).to.contain('Python 3.11 to 3.14 is needed').and.contain('There is none.');
    expect(stderr).to.contain(
      process.platform === 'darwin' ? 'brew install python@' : 'apt install python3 python3-venv',
    );
    expect(stderr).to.contain('PHASEBOX_SETUP_PYTHON=');
    expect(stderr).not.to.match(/^\s+at /m);
    expect(await called()).to.deep.equal([]);
  });

  it('names each Python that it saw and why it will not do', async () => {
    const { folder, at, setup, called } = await bareClone();
    await program(folder, 'python3', fakePython('3.10.12'));
    await program(folder, 'python3.11', fakePython('3.11.2', '|ensurepip'));
    await program(folder, 'python3.13', '#!/bin/sh\nexit 127\n');
    await program(folder, 'python3.14', fakePython('3.15.0'));
    const { code, stderr } = await setup();
    expect(code).to.equal(3);
    expect(stderr).to.contain(`${at('bin/python3')}: version 3.10.12 is too old`);
    expect(stderr).to.contain(
      `${at('bin/python3.11')}: version 3.11.2, but without ensurepip (Debian: sudo apt install python3-venv)`,
    );
    expect(stderr).to.contain(`${at('bin/python3.13')}: does not run`);
    expect(stderr).to.contain(`${at('bin/python3.14')}: version 3.15.0 is newer`);
    expect(await called()).to.deep.equal([]);
  });

  it('passes over a Python that will not do for one that will', async () => {
    const { folder, setup } = await bareClone();
    await program(folder, 'python3.14', '#!/bin/sh\nexit 127\n');
    await program(folder, 'python3.13', fakePython('3.13.1', '|venv'));
    const good = await program(folder, 'python3.12', fakePython('3.12.4'));
    const { code, stdout } = await setup();
    expect(code).to.equal(0);
    expect(stdout).to.contain(`Python 3.12.4 at ${good}`);
  });

  it('takes the requested Python, or refuses it, and never another', async () => {
    const { folder, at, setup, called } = await bareClone();
    await program(folder, 'python3.12', fakePython('3.12.4'));
    const refused = await setup({ PHASEBOX_SETUP_PYTHON: at('nothing/python3') });
    expect(refused.code).to.equal(3);
    expect(refused.stderr).to.contain(`${at('nothing/python3')}: there is no such program`);
    const own = await program(folder, 'my-python', fakePython('3.11.9'));
    const taken = await setup({ PHASEBOX_SETUP_PYTHON: own });
    expect(taken.stdout).to.contain(`Python 3.11.9 at ${own}`);
    await called();
    expect((await setup({ PHASEBOX_SETUP_PYTHON: own })).code).to.equal(0);
    expect(await called()).to.deep.equal([]);
  });

  it('makes all three, and a second call does nothing', async () => {
    const { folder, at, setup, called } = await bareClone();
    await program(folder, 'python3.12', fakePython('3.12.4'));
    const first = await setup();
    expect(first.stderr).to.equal('');
    expect(first.code).to.equal(0);
    const calls = await called();
    expect(calls[0]).to.match(/^npm ci --ignore-scripts/);
    expect(calls.slice(1)).to.deep.equal(['venv', 'pip', 'import']);
    expect((await readFile(at('dist/phasebox.js'), 'utf8')).split('\n')[0]).to.equal('#!/usr/bin/env node');
    expect((await stat(at('dist/phasebox.js'))).mode & 0o111).to.equal(0o111);
    expect(await readFile(at('dist/wrap.sh'), 'utf8')).to.equal(await readFile(at('src/io/tool/wrap.sh'), 'utf8'));
    const before = await stat(at('dist/phasebox.js'), { bigint: true });
    expect(await setup()).to.deep.equal({ code: 0, stdout: '', stderr: '' });
    expect(await called()).to.deep.equal([]);
    expect((await stat(at('dist/phasebox.js'), { bigint: true })).mtimeNs).to.equal(before.mtimeNs);
  });

  it('does again only what changed', async () => {
    const { folder, at, setup, called } = await bareClone();
    await program(folder, 'python3.12', fakePython('3.12.4'));
    await setup();
    await called();
    const changed: [string, () => Promise<unknown>, RegExp][] = [
      ['requirements', () => writeFile(at('python', requirements), 'mlx-lm==0.33.0\n'), /^venv pip import$/],
      ['the Python itself', () => rm(at('.venv/bin/python')), /^venv pip import$/],
      ['a package', () => rm(at('node_modules/esbuild')), /^npm \S+( --\S+)*$/],
      ['the lock', () => writeLock(folder, '1.0.1'), /^npm \S+( --\S+)*$/],
      ['a source', () => writeFile(at('src/cli.ts'), 'console.log("{}");'), /^$/],
    ];
    for (const [what, change, calls] of changed) {
      await change();
      const { code, stderr } = await setup();
      expect({ code, stderr }, what).to.deep.equal({ code: 0, stderr: '' });
      expect((await called()).join(' '), what).to.match(calls);
    }
    expect(await readFile(at('dist/cli.js'), 'utf8')).to.contain('console.log("{}")');
  });

  it('repairs itself after an interruption, wherever it was', async () => {
    const { folder, at, setup, called } = await bareClone();
    await program(folder, 'python3.12', fakePython('3.12.4'));
    const inNpm = await setup({ NPM_FAILS: '1' });
    expect(inNpm.code).to.equal(3);
    expect(inNpm.stderr)
      .to.contain('npm ci --ignore-scripts')
      .and.contain('ended with code 1')
      .and.contain('run this again');
    const inPip = await setup({ PIP_FAILS: '1' });
    expect(inPip.code).to.equal(3);
    expect(inPip.stderr).to.contain('-m pip install');
    await called();
    await writeFile(at('src/cli.ts'), 'this does not compile');
    const inBuild = await setup();
    expect(inBuild.code).to.equal(3);
    expect(inBuild.stderr).to.contain('src/cli.ts:1:');
    expect(await called()).to.deep.equal(['venv', 'pip', 'import']);
    await writeFile(at('src/cli.ts'), 'console.log("{}");');
    expect((await setup()).code).to.equal(0);
    expect(await called()).to.deep.equal([]);
    await writeFile(at('.venv/phasebox-setup.json'), '{"requirem');
    expect((await setup()).code).to.equal(0);
    expect(await called()).to.deep.equal(['venv', 'pip', 'import']);
  });

  it('says which systems will do', async () => {
    const file = new URL('../scripts/lib/environment.mjs', import.meta.url).href;
    interface System {
      platform: string;
      arch: string;
      node: string;
      glibc?: string;
    }
    const { checkSystem } = (await import(file)) as { checkSystem: (system: System) => void };
    const linux = { platform: 'linux', arch: 'x64', node: '20.19.0', glibc: '2.36' };
    checkSystem(linux);
    checkSystem({ ...linux, arch: 'arm64', node: '24.1.0', glibc: '2.100' });
    checkSystem({ platform: 'darwin', arch: 'arm64', node: '22.0.0' });
    const refused: [Partial<System>, RegExp][] = [
      [{ platform: 'win32' }, /^Windows is not supported/],
      [{ platform: 'freebsd' }, /^freebsd is not supported/],
      [{ platform: 'darwin', arch: 'x64' }, /needs Apple silicon.*x64/],
      [{ node: '20.18.3' }, /^Node 20\.18\.3 is too old: 20\.19/],
      [{ node: '18.20.0' }, /^Node 18\.20\.0 is too old/],
      [{ glibc: '2.31' }, /needs glibc 2\.35.*this one has 2\.31/],
    ];
    for (const [part, message] of refused) expect(() => checkSystem({ ...linux, ...part })).to.throw(message);
    const { glibc: _, ...musl } = linux;
    expect(() => checkSystem(musl)).to.throw(/this system has none/);
  });
});
