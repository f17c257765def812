import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { csvTable } from '../helpers/csv.ts';
import { makeRow } from '../helpers/rows.ts';
import { makeWorkspace } from '../helpers/stored.ts';

describe('phasebox report --csv', () => {
  const called = (root: string, ...args: readonly string[]) => {
    const argv = ['--import', 'tsx', 'src/cli.ts', '--workspace', root, 'report', ...args];
    return execa(process.execPath, argv, { reject: false, stripFinalNewline: false });
  };

  it('prints the rows, and the curves of the trainings that are on the disk; names what is no row', async () => {
    const { root, artifacts } = await makeWorkspace();
    const rows = [makeRow(), makeRow({ run: '43a-s1', seed: 1, status: 'failed', overall: null, outcome: 'a\r\n"b"' })];
    const lines = rows.map((row) => JSON.stringify(row));
    await writeFile(join(artifacts, 'results.jsonl'), `${lines.join('\n')}\nnot a row\n`);
    const { exitCode, stdout, stderr } = await called(root, '--csv');
    expect(exitCode, stderr).to.equal(0);
    expect(stderr).to.contain('results.jsonl, line 3: it is not valid JSON');
    expect(csvTable(stdout).map(({ run, overall, outcome }) => [run, overall, outcome])).to.eql([
      ['43a-s0', '82.4', ''],
      ['43a-s1', '', 'a\r\n"b"'],
    ]);
    const folder = join(artifacts, '43a/43a-s0/1-train');
    await mkdir(folder, { recursive: true });
    const event = (fields: object): string => `${JSON.stringify({ time: 1, ...fields })}\n`;
    const report = { event: 'report', iterations_per_second: 2, peak_memory_gb: 1 };
    await writeFile(
      join(folder, 'progress.jsonl'),
      event({ event: 'start' }) + event({ ...report, iteration: 10, train_loss: 2.5, learning_rate: 0.001 }),
    );
    const curves = csvTable((await called(root, '--csv', '--curves')).stdout);
    expect(curves).to.have.length(1);
    expect(curves[0]).to.include({
      run: '43a-s0',
      kind: 'train',
      iteration: '10',
      loss: '2.5',
      learning_rate: '0.001',
    });
  });

  it('refuses options that exclude each other, and a workspace without artifacts', async () => {
    const { root, artifacts } = await makeWorkspace();
    expect(await called(root, '--curves')).to.include({ exitCode: 2 });
    expect(await called(root, '--csv', '--print')).to.include({ exitCode: 2 });
    await rm(artifacts, { recursive: true });
    expect(await called(root, '--csv')).to.include({ exitCode: 3 });
  });
});
