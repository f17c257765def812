import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { diff } from '../../src/commands/diff.ts';
import type { RunDiff } from '../../src/core/compare/diff.ts';
import { CommandError } from '../../src/core/errors.ts';
import { makeRow, makeRun, noCustody } from '../helpers/rows.ts';
import { commitStage, madeTrain, makeWorkspace, shelveRun } from '../helpers/stored.ts';

const hash = (letter: string): string => letter.repeat(64);

/** 43a-s0 and 43a-s1 are over, 43a-s2 has been trained, 43a-s3 waits. */
async function night() {
  const workspace = await makeWorkspace();
  const custody = { ...noCustody, data: hash('d'), suite: hash('c'), iteration: 800 };
  const versions = { mlx: '0.32.4' };
  const rows = [0, 1].map((seed) => makeRow({ run: `43a-s${seed}`, seed, custody, versions }));
  await writeFile(join(workspace.artifacts, 'results.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  for (const seed of [0, 1, 2, 3]) {
    const run = makeRun({ run: `43a-s${seed}`, seed, number: seed + 1 });
    const folder = await shelveRun(workspace, run);
    const inputs = { data: hash('e') };
    if (seed === 2)
      await commitStage(folder, 'train', { made: madeTrain, copies: {}, inputs, versions: { mlx: '0.31.0' } });
  }
  return workspace;
}

describe('phasebox diff', () => {
  /** What it prints, as a person calls it. */
  const called = async (root: string, ...args: readonly string[]) => {
    const argv = ['--import', 'tsx', 'src/cli.ts', '--workspace', root, 'diff', ...args];
    return execa(process.execPath, argv, { reject: false });
  };

  it('tells what differs between two runs that have finished', async () => {
    const { root } = await night();
    const { exitCode, stdout } = await called(root, '43a-s0', '43a-s1', '--json');
    expect(exitCode).to.equal(0);
    const told = JSON.parse(stdout) as RunDiff;
    expect(told.differences).to.eql([{ name: 'seed', kind: 'jumper', a: 0, b: 1 }]);
    expect(told.over).to.equal(true);
    const people = await called(root, '43a-s0', '43a-s1');
    expect(people.stdout).to.match(
      /^Scores\n {2}43a-s0 {2}82\.4 %.*\n {2}43a-s1 {2}82\.4 %.*\n {2}difference: [+±]?0\.0 points\n/,
    );
    expect(people.stdout).to.match(/Known to change scores\n {2}seed +0 +1\n/);
  });

  it('reads of a run that is not over what its stages noted so far', async () => {
    const { root } = await night();
    const { stdout } = await called(root, '43a-s0', '43a-s2', '--json');
    const { differences, unknown } = JSON.parse(stdout) as RunDiff;
    expect(differences.map(({ name }) => name)).to.eql(['seed', 'version of mlx', 'data, content']);
    expect(unknown.map(({ name }) => name)).to.include.members(['suite', 'checkpoint']);
    const waiting = await called(root, '43a-s3', '43a-s0');
    expect(waiting.stdout)
      .to.contain('No value recorded yet, so not compared\n')
      .and.to.contain('  43a-s3  not finished\n')
      .and.to.contain('  suite (of 43a-s3)\n');
  });

  it('refuses a run that is not there', async () => {
    const workspace = await night();
    const error = await diff(workspace, { a: '43a-s0', b: '43a-s9', json: false }).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(CommandError).and.to.include({ exitCode: 2 });
    expect(String(error)).to.contain('There is no run 43a-s9');
  });
});
