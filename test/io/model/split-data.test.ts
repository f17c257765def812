import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { SplitReport } from '../../../src/events/data-report.ts';
import { splitData } from '../../../src/io/model/look-at-data.ts';
import { tempDir } from '../../helpers/temp.ts';

const never = new AbortController().signal;

const user = { role: 'user', content: 'Which files are here?' };
const call = { role: 'assistant', content: null, tool_calls: [{ function: { name: 'list', arguments: {} } }] };
const result = { role: 'tool', content: 'a.py' };
const answer = { role: 'assistant', content: 'a.py' };
const row = (...messages: readonly object[]): string => JSON.stringify({ messages });

/** The split of files by name, run by the Python of the system: nothing of mlx is needed for it. */
async function split(
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<{ report: SplitReport; out: string }> {
  const folder = await tempDir('split');
  const [data, out] = [join(folder, 'data'), join(folder, 'out')];
  await mkdir(data);
  await mkdir(out);
  for (const [name, content] of Object.entries(files)) await writeFile(join(data, name), content);
  return { report: await splitData('python3', { data, out, keys: {} }, never), out };
}

const linesOf = async (file: string): Promise<string[]> =>
  (await readFile(file, 'utf8')).replace(/\n$/, '').split('\n');
const messagesOf = (line: string): unknown => JSON.parse(line).messages;

describe('python/split_data.py', () => {
  it('writes a row for each assistant turn, of every file that a training reads', async () => {
    const chat = `${row(user, call, result, answer)}\n${row(user, answer)}\n`;
    const { report, out } = await split({
      'train.jsonl': chat,
      'valid.jsonl': chat,
      'test.jsonl': chat,
      'notes.txt': 'x',
    });
    const rows = { before: 2, after: 3 };
    const names = ['train.jsonl', 'valid.jsonl', 'test.jsonl'];
    expect(report.files).to.deep.equal(names.map((name) => ({ name, copied: false, rows, left_out: [] })));
    expect((await readdir(out)).sort()).to.deep.equal([...names].sort());
    for (const name of names) {
      const written = (await linesOf(join(out, name))).map(messagesOf);
      expect(written).to.deep.equal([
        [user, call],
        [user, call, result, answer],
        [user, answer],
      ]);
    }
  });

  it('keeps all other keys of a row and every value as Python reads it', async () => {
    const line = `{"tools":[{"2":1.0,"1":12345678901234567890}],"messages":[${[user, call, user, answer].map((one) => JSON.stringify(one)).join(',')}],"x":NaN,"half":"\\ud800"}`;
    const { out } = await split({ 'train.jsonl': line });
    const written = await linesOf(join(out, 'train.jsonl'));
    expect(written).to.have.length(2);
    for (const text of written)
      expect(text).to.match(
        /^\{"tools": \[\{"2": 1\.0, "1": 12345678901234567890\}\], "messages": .*"x": NaN, "half": "\\ud800"\}$/,
      );
  });

  it('copies what is not chat, what cannot be read, and rows with one answer at their end, byte for byte', async () => {
    const same = [
      row(user, answer).replace('{', '{  '),
      '',
      'no JSON',
      '{"messages": "text"}',
      '{"messages": ["text"]}',
    ];
    const train = Buffer.concat([Buffer.from(`${same.join('\n')}\n`), Buffer.from([0x22, 0xff, 0x22, 0x0a])]);
    const pairs = '{"prompt": "a", "completion": "b"}\r\n{"messages": []}\r\n';
    const { report, out } = await split({ 'train.jsonl': train, 'valid.jsonl': pairs, 'test.jsonl': '' });
    expect(await readFile(join(out, 'train.jsonl'))).to.deep.equal(train);
    expect(await readFile(join(out, 'valid.jsonl'), 'utf8')).to.equal(pairs);
    expect(report.files.map(({ copied, rows }) => [copied, rows.before, rows.after])).to.deep.equal([
      [false, 6, 6],
      [true, 2, 2],
      [true, 0, 0],
    ]);
  });

  it('says what is in no row of the split data', async () => {
    const rows = [row(user), row(answer, user, answer), row(user, answer, user), row(user, result), row(answer)];
    const { report, out } = await split({ 'train.jsonl': rows.join('\n') });
    expect((await linesOf(join(out, 'train.jsonl'))).map(messagesOf)).to.deep.equal([
      [answer, user, answer],
      [user, answer],
    ]);
    expect(report.files[0]?.left_out).to.deep.equal([
      "train.jsonl, lines 1, 4: left out, since no turn is the assistant's",
      'train.jsonl, lines 2, 5: no example ends with the answer that begins the conversation: there is no prompt before it',
      'train.jsonl, line 3: the turns after the last answer are left out',
    ]);
  });
});
