import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, rename, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { expect } from 'chai';
import { CommandError } from '../../../src/core/errors.ts';
import { askFacts, getMlx, readFacts } from '../../../src/io/model/facts.ts';
import { mlxFacts } from '../../helpers/config-workspace.ts';
import { testPython } from '../../helpers/real-stage.ts';
import { tempDir } from '../../helpers/temp.ts';

async function refusal(python: string): Promise<string> {
  try {
    await readFacts(python);
  } catch (error) {
    if (error instanceof CommandError && error.exitCode === 3) return error.message;
    throw error;
  }
  throw new Error('no error');
}

async function program(text: string): Promise<string> {
  const path = join(await tempDir('python'), 'python');
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
  return path;
}

/** Where pyenv keeps the Pythons that it has; none: it is not here. */
async function pyenvFolders(): Promise<string[]> {
  const root = join(process.env.PYENV_ROOT ?? join(homedir(), '.pyenv'), 'versions');
  return (await readdir(root).catch(() => [])).map((version) => join(root, version, 'bin'));
}

describe('readFacts', () => {
  it('asks the real mlx_lm for its versions and training settings', async () => {
    const { versions, defaults } = await readFacts(testPython);
    expect(versions).to.include.all.keys('python', 'mlx', 'mlx_lm');
    expect(defaults).to.include.all.keys(
      Object.keys(mlxFacts.defaults).filter((key) => key !== 'clear_cache_threshold'),
    );
  });

  it('asks once', async () => {
    const counted = await program(
      'echo x >>"$0.calls"; echo \'{"versions": {"mlx_lm": "1", "mlx": null}, "defaults": {}}\'',
    );
    const [first, second] = [await readFacts(counted), await readFacts(counted)];
    expect(first).to.equal(second);
    expect(first.versions).to.deep.equal({ mlx_lm: '1' });
  });

  it('asks again after a package was updated', async () => {
    const folder = await tempDir('site-packages');
    const python = await program(
      `echo '{"versions": {"mlx_lm": "'$(ls ${folder})'"}, "defaults": {}, "folders": ["${folder}"]}'`,
    );
    await mkdir(join(folder, '0.31.3'));
    expect((await readFacts(python)).versions).to.deep.equal({ mlx_lm: '0.31.3' });
    await rename(join(folder, '0.31.3'), join(folder, '0.32.2'));
    // Some file systems count in seconds.
    await utimes(folder, new Date(), new Date(2030, 1, 1));
    const asked = await Promise.all([readFacts(python), readFacts(python)]);
    expect(asked[0].versions).to.deep.equal({ mlx_lm: '0.32.2' });
    expect(asked[1]).to.equal(asked[0]);
    expect((await readFacts(testPython)).folders?.[0]).to.match(/site-packages/);
  });

  it('says what is missing, and asks again once it is there', async () => {
    const python = await program('echo "mlx_lm is not installed in here" >&2; exit 3');
    expect(await refusal(python)).to.equal(`mlx_lm is not installed in ${python}. ${getMlx}`);
    expect(getMlx).to.match(/python3 -m venv \.venv && \.venv\/bin\/pip install .*mlx-lm; or set `python`/);
    expect(await refusal(await program('echo broken >&2; exit 1'))).to.match(
      /does not report its version of mlx_lm: broken\. Set `/,
    );
    expect(await refusal('/no/such/python')).to.match(/^\/no\/such\/python cannot be run \(ENOENT\)/);
    expect(await refusal(await program('echo hello'))).to.contain('printed no facts: hello');
    await writeFile(python, '#!/bin/sh\necho \'{"versions": {}, "defaults": {}}\'\n');
    expect(await readFacts(python)).to.deep.equal({ versions: {}, defaults: {} });
  });

  const here = { version: '3.12.1', implementation: 'CPython', system: 'Linux', machine: 'x86_64', bits: 64 };
  const tooOld = { ...here, version: '3.8.2', translated: false, glibc: '2.36' };

  it('says of a Python that can never have mlx why, and names no pip', async () => {
    const without = await program(`echo gone >&2; echo '${JSON.stringify({ here: tooOld })}' >&2; exit 3`);
    expect(await refusal(without))
      .to.match(/python is Python 3\.8\.2 on x86_64: mlx needs Python 3\.10 or newer.*\. Install Python 3\.11 or newer/)
      .and.not.contain('pip install');
    // mlx_lm alone installs nearly everywhere
    const half = { versions: { mlx_lm: '0.31.3', mlx: null }, defaults: {}, here: { ...tooOld, version: '3.11.7' } };
    const musl = await program(`echo '${JSON.stringify({ ...half, here: { ...half.here, glibc: null } })}'`);
    expect(await refusal(musl)).to.contain('mlx needs glibc 2.35 or newer, and this system has another C library');
    expect((await readFacts(await program(`echo '${JSON.stringify(half)}'`))).versions).to.deep.equal({
      mlx_lm: '0.31.3',
    });
    const fit = { here: { ...tooOld, version: '3.11.7' } };
    expect(await refusal(await program(`echo '${JSON.stringify(fit)}' >&2; exit 3`))).to.contain('pip install');
  });

  it('is answered by every old Python of this machine', async function () {
    const names = ['2.7', '3.6', '3.7', '3.8', '3.9', '3.10'].map((version) => `python${version}`);
    // pyenv's shims are scripts that refuse a version which is not chosen
    const onPath = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.endsWith('/shims'));
    const folders = [...onPath, ...(await pyenvFolders())];
    const places = folders.flatMap((folder) => names.map((name) => join(folder, name))).filter(existsSync);
    if (places.length === 0) this.skip();
    for (const python of places) {
      const answer = await askFacts(python);
      if ('facts' in answer) continue;
      expect(answer.why, python).to.match(/ is Python [23]\.\d+\.\d+ on \w+: mlx needs /);
      expect(answer.unfit).to.equal(true);
    }
  });
});
