import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { waitFor } from './helpers/temp.ts';

const repository = resolve(import.meta.dirname, '..');

/** Runs mocha on a test that does not come to remove its workspace. */
function startTest(env: NodeJS.ProcessEnv) {
  // Not by mocha's own starter, which is a second process: the signal must reach the one that has the hooks.
  const argv = ['--import', 'tsx', 'node_modules/mocha/lib/cli/cli.js', '--no-config', '--exit'];
  const all = [...argv, '--require', 'test/helpers/leaks.ts', 'test/fixtures/unremoved.ts'];
  const child = spawn(process.execPath, all, { cwd: repository, env: { ...process.env, ...env } });
  let out = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
  const root = (): string | undefined => /^workspace (.*)$/m.exec(out)?.[1];
  return { child, root, ended: once(child, 'close').then(([code]) => ({ code: Number(code), out })) };
}

async function expectNothingLeft(root: string | undefined): Promise<void> {
  if (root === undefined) throw new Error('it made no workspace');
  const { stdout } = await execa('ps', ['-A', '-ww', '-o', 'args=']);
  expect(stdout.split('\n').filter((line) => line.includes(root))).to.deep.equal([]);
  expect(existsSync(root)).to.equal(false);
}

describe('a test that does not remove its workspace', () => {
  it('sees it when it fails, and its `up` and broker are ended', async () => {
    const test = startTest({});
    const { code, out } = await test.ended;
    expect(code).to.not.equal(0);
    expect(out).to.contain('failed on purpose').and.contain('did not remove its workspace');
    await expectNothingLeft(test.root());
  });

  it('leaves nothing either when it is killed', async () => {
    const test = startTest({ STAY: '1' });
    await waitFor('its workspace', test.root);
    test.child.kill('SIGTERM');
    expect((await test.ended).code).to.equal(1);
    await expectNothingLeft(test.root());
  });
});
