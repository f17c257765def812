import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { tempDir } from '../helpers/temp.ts';

const repository = resolve(import.meta.dirname, '../..');
const script = join(repository, 'scripts/submit-ab.sh');

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[], env: Record<string, string>, cwd: string): Promise<Ended> {
  return new Promise((end) => {
    execFile(
      'sh',
      [script, ...args],
      { cwd, env: { PATH: process.env.PATH ?? '', ...env } },
      (error, stdout, stderr) => {
        end({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      },
    );
  });
}

/** A command that notes its arguments and ends with `code`. */
async function recorder(code: number): Promise<{ phasebox: string; argv: () => Promise<string[]> }> {
  const folder = await tempDir('ab');
  const [program, log] = [join(folder, 'phasebox'), join(folder, 'argv')];
  await writeFile(program, `#!/bin/sh\nprintf '%s\\n' "$@" >'${log}'\nexit ${code}\n`);
  await chmod(program, 0o755);
  return { phasebox: program, argv: async () => (await readFile(log, 'utf8')).trimEnd().split('\n') };
}

const configs = ['43a-coder30b.yaml', '43b-qwen3-14b.yaml'].map((name) => join(repository, 'examples', name));

describe('scripts/submit-ab.sh', () => {
  it('submits A, then B, to the workspace that is given', async () => {
    const { phasebox, argv } = await recorder(0);
    const workspace = join(await tempDir('ab'), 'my night');
    await mkdir(workspace);
    const { code, stdout } = await run([workspace, '--again'], { PHASEBOX: phasebox }, '/');
    expect(code).to.equal(0);
    expect(stdout).to.contain('A (43a), then B (43b)').and.contain('phasebox up');
    expect(await argv()).to.deep.equal(['--workspace', workspace, 'submit', '--again', ...configs]);
  });

  it('takes the current folder when none is given, options or not', async () => {
    const { phasebox, argv } = await recorder(0);
    await run(['--watch'], { PHASEBOX: `sh ${phasebox}` }, await tempDir('ab'));
    expect(await argv()).to.deep.equal(['--workspace', '.', 'submit', '--watch', ...configs]);
  });

  it('passes on the exit code, and says what to do', async () => {
    const words: readonly (readonly [number, string])[] = [
      [1, 'phasebox status'],
      [2, 'nothing was submitted'],
      [3, 'phasebox doctor'],
    ];
    for (const [exit, word] of words) {
      const { phasebox } = await recorder(exit);
      const { code, stderr } = await run([], { PHASEBOX: phasebox }, await tempDir('ab'));
      expect({ code, told: stderr.includes(word) }).to.deep.equal({ code: exit, told: true });
    }
  });

  it('says what is missing before it does anything', async () => {
    const none = await run(['/nowhere/at all'], {}, '/');
    expect(none).to.deep.include({ code: 2 });
    expect(none.stderr).to.contain('there is no folder /nowhere/at all');
    const gone = await run([], { PHASEBOX: '/nowhere/phasebox' }, await tempDir('ab'));
    expect(gone).to.deep.include({ code: 3 });
    expect((await run(['--help'], {}, '/')).stdout).to.contain('usage: scripts/submit-ab.sh');
  });
});
