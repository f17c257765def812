import { access, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { lookAt } from '../../src/commands/data.ts';
import { type DataReport, markedPieces } from '../../src/core/page/data-report.ts';
import { testPython } from '../helpers/real-stage.ts';
import { tempDir } from '../helpers/temp.ts';

const repository = resolve(import.meta.dirname, '../..');
const model = join(repository, 'demo/models/B-base');

/** The report on data, and on the same data split, as the real mlx_lm reads them. */
async function look(data: string, maxSeqLength = 2048): Promise<DataReport> {
  const folder = await tempDir('look');
  const before = process.env.PHASEBOX_PYTHON;
  process.env.PHASEBOX_PYTHON = testPython;
  try {
    const settings = { maskPrompt: true, maxSeqLength, rows: 9, row: [], signal: new AbortController().signal };
    return await lookAt({ folder, data, model, split: join(folder, 'split'), ...settings });
  } finally {
    if (before === undefined) delete process.env.PHASEBOX_PYTHON;
    else process.env.PHASEBOX_PYTHON = before;
  }
}

const turn = (role: string, content: string): object => ({ role, content });
const call = turn('assistant', '<tool_call>\n{"name": "lint", "arguments": {}}\n</tool_call>');
const talk = [turn('user', 'lint app.py'), call, turn('user', 'it is fine'), turn('assistant', 'app.py is fine')];

describe('phasebox data, with the real tokenizer', () => {
  it('marks what is taught, and teaches every answer of the split data once', async () => {
    const folder = await tempDir('data');
    const long = [turn('user', 'lint app.py'), turn('assistant', 'read app.py and '.repeat(60))];
    const rows = [talk, talk.slice(0, 2), [...talk, turn('user', 'and b.py ?'), call], long];
    const file = join(folder, 'talks.jsonl');
    await writeFile(file, rows.map((messages) => `${JSON.stringify({ messages, more: 1 })}\n`).join(''));
    const { before, split } = await look(file, 128);
    expect(before.profile?.taught?.answers).to.deep.include({ total: 4, call: 2, prose: 2 });
    // the call of row 1 is taught by row 2, which ends with it; so is the first one of row 3
    expect(before.profile?.taught?.calls).to.deep.equal({ total: 2, never_taught: 0 });
    expect(before.profile?.taught?.turns).to.deep.equal({ total: 4, never_taught: 0 });
    const marked = before.shown.map((row) => markedPieces(row).map(({ mark, text }) => [mark, text] as const));
    expect(before.shown.map(({ line }) => line)).to.deep.equal([1, 2, 3, 4]);
    expect(marked[0]?.map(([mark]) => mark)).to.deep.equal(['context', 'taught']);
    expect(marked[0]?.[1]?.[1]).to.match(/^app\.py is fine/);
    expect(marked[3]?.map(([mark]) => mark)).to.deep.equal(['context', 'taught', 'cut']);
    expect(split?.files).to.deep.equal([
      { name: 'talks.jsonl', copied: false, rows: { before: 4, after: 7 }, left_out: [] },
    ]);
    expect(split?.after.stops).to.deep.equal(before.stops);
    expect(split?.after.profile?.taught?.answers).to.deep.include({ total: 7, call: 4, prose: 3 });
    expect(split?.after.warnings.join('\n')).not.to.include('never trained on');
  });

  it("shows that 385 of 1,074 calls of a user's data are never taught, and how to teach them", async function () {
    const data = resolve(repository, '../shared/phase33_merged');
    const there = await access(data).then(
      () => true,
      () => false,
    );
    if (!there) this.skip();
    const { before, split } = await look(data);
    expect(before.profile?.rows).to.deep.equal({ train: 1159, valid: 123 });
    expect(before.profile?.taught).to.deep.equal({
      masked: true,
      answers: { total: 1159, call: 689, prose: 470, other: 0, nothing: 0 },
      calls: { total: 1074, never_taught: 385 },
      turns: { total: 1648, never_taught: 489 },
    });
    expect(split?.after.profile?.rows).to.deep.equal({ train: 1648, valid: 173 });
    expect(split?.after.profile?.taught).to.deep.equal({
      masked: true,
      answers: { total: 1648, call: 1074, prose: 574, other: 0, nothing: 0 },
      calls: { total: 1074, never_taught: 0 },
      turns: { total: 1648, never_taught: 0 },
    });
    expect([before.stops, split?.after.stops]).to.deep.equal([[], []]);
  });
});
