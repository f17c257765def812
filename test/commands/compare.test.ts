import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { compare } from '../../src/commands/compare.ts';
import { CommandError } from '../../src/core/errors.ts';
import type { Row } from '../../src/events/row.ts';
import { makeRow } from '../helpers/rows.ts';
import { makeWorkspace } from '../helpers/stored.ts';

const rowsOf = (phase: string, scores: readonly number[], variant: string | null = null): Row[] =>
  scores.map((overall, seed) => {
    const run = `${phase}-s${seed}${variant === null ? '' : `-${variant}`}`;
    return makeRow({ phase, run, seed, variant, overall });
  });

async function workspaceWith(rows: readonly Row[]) {
  const workspace = await makeWorkspace();
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  await writeFile(join(workspace.artifacts, 'results.jsonl'), text);
  return workspace;
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof CommandError)) throw new Error(`not refused: ${String(error)}`);
  expect(error.exitCode).to.equal(2);
  return error.message;
}

describe('phasebox compare', () => {
  const rows = [
    ...rowsOf('43a', [82.4, 38.9, 22.2]),
    ...rowsOf('43a', [60, 61], 'q4'),
    ...rowsOf('43b', [18.5, 24.1, 20.4]),
  ];

  it('finds phases and variants, and says which there are when one is unknown', async () => {
    const workspace = await workspaceWith(rows);
    expect((await compare(workspace, ['43a', '43b'])).a.group.name).to.equal('43a');
    expect((await compare(workspace, ['43a-q4', '43a'])).a.group.name).to.equal('43a q4');
    const message = await refusal(compare(workspace, ['43a', '43c']));
    expect(message).to.contain('There is no phase 43c').and.to.contain('43a, 43a-q4, 43b');
    expect(await refusal(compare(workspace, ['43a-s0', '43b']))).to.contain('phasebox diff');
    expect(await refusal(compare(workspace, ['43a', '43a']))).to.contain('Both sides are 43a');
    expect(await refusal(compare(workspace, ['43a-q4', '43a-q4']))).to.contain('Both sides are 43a-q4');
    expect(await refusal(compare(await workspaceWith([]), ['a', 'b']))).to.contain('No run is finished yet');
  });

  it('prints sentences, or one JSON document', async () => {
    const workspace = await workspaceWith(rows);
    const run = (...more: string[]) =>
      execa('npx', ['tsx', 'src/cli.ts', '--workspace', workspace.root, 'compare', '43a', '43b', ...more]);
    const { stdout } = await run();
    expect(stdout).to.contain('43a vs. 43b: inconclusive, because the difference is not significant.');
    expect(stdout).to.contain('43a - 43b = +26.8 points. 95 % interval: -49 to +100 (Welch test over runs, p = .27).');
    expect(stdout).to.match(/domain +60\.0 +60\.0 +– +– +– {2}p = 1\.00/);
    const json = JSON.parse((await run('--json')).stdout);
    expect(json.finding).to.include({ kind: 'recipes', equivalent: 'cannot tell' });
    expect(json.a).to.deep.include({ phase: '43a', variant: null, accepted: 3, failed: 0 });
    expect(json.a.runs.map(({ run: name }: { run: string }) => name)).to.eql(['43a-s0', '43a-s1', '43a-s2']);
    expect(json.prompts).to.eql({ fixed: [], regressed: [], same: 0 });
  });
});
