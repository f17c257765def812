import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { oldestNode } from '../src/core/version.ts';
import { tempDir } from './helpers/temp.ts';

const repository = resolve(import.meta.dirname, '..');
const command = join(repository, 'dist/phasebox.js');

/** Runs the built command as a Node of another version would start it. */
async function under(version: string, ...args: readonly string[]) {
  const preload = join(await tempDir('node'), 'version.cjs');
  const versions = `{ ...process.versions, node: '${version}' }`;
  await writeFile(preload, `Object.defineProperty(process, 'versions', { value: ${versions} });\n`);
  const env = { NODE_OPTIONS: '' };
  return execa(process.execPath, ['--require', preload, command, ...args], { env, reject: false });
}

describe('the entry of the command', () => {
  it('asks for the Node that package.json asks for', async () => {
    const { engines } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'));
    expect(engines.node).to.equal(`>=${oldestNode.join('.')}`);
  });

  it('tells an older Node what is needed before it loads anything, whatever the command', async () => {
    for (const [version, ...args] of [
      ['18.20.8', 'doctor'],
      ['16.20.2', '--version'],
      ['20.9.0', 'up'],
    ] as const) {
      const { exitCode, stdout, stderr } = await under(version, ...args);
      expect({ exitCode, stdout }, version).to.deep.equal({ exitCode: 3, stdout: '' });
      expect(stderr).to.match(
        /^phasebox needs Node 20\.19 or newer, and this is Node [\d.]+ \(\/.*\)\.\nInstall a newer one: .*$/,
      );
      expect(stderr).to.contain(`Node ${version} (`);
    }
  });

  it('starts on the Node it needs and on newer ones, and warns of one that is only known to work', async () => {
    for (const version of ['20.19.0', '25.1.0', '100.0.0-nightly']) {
      const { exitCode, stdout, stderr } = await under(version, '--version');
      expect({ exitCode, stderr }, version).to.deep.equal({ exitCode: 0, stderr: '' });
      expect(stdout).to.match(/^\d+\.\d+\.\d+$/);
    }
    const { exitCode, stdout, stderr } = await under('20.18.3', '--version');
    expect({ exitCode, stdout: stdout !== '' }).to.deep.equal({ exitCode: 0, stdout: true });
    expect(stderr).to.contain('needs Node 20.19 or newer');
  });

  it('ends with 0 when no one reads its output, and with 3 and the reason when it cannot be written', async () => {
    const run = (line: string) => execa('bash', ['-c', line, 'bash', command], { reject: false });
    const full = await run('"$1" --help >/dev/full');
    expect(full).to.include({ exitCode: 3, stdout: '' });
    expect(full.stderr).to.match(/^The output of the command could not be written completely: ENOSPC/);
    expect(await run('set -o pipefail; "$1" --help | true')).to.include({ exitCode: 0, stderr: '' });
  });

  it('is written in syntax that Node 12 reads, and imports nothing', async () => {
    const text = await readFile(command, 'utf8');
    expect(text).to.not.match(/\?\?|\?\.|\|\|=|^import |\bawait\b|from "/m);
    expect(text.match(/import\(/g)).to.have.length(1);
  });
});
