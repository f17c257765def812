import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readRows } from '../../src/io/thread/read-rows.ts';
import { rowsOf } from '../../src/io/thread/rows-of.ts';
import { type ConfigWorkspace, configWorkspace, plainConfig, smallSuite } from '../helpers/config-workspace.ts';

const text = '{"text": "a"}\n';
const chat = (user: string, system?: string): string => {
  const first = system === undefined ? [] : [{ role: 'system', content: system }];
  return `${JSON.stringify({ messages: [...first, { role: 'user', content: user }, { role: 'assistant', content: 'ok' }] })}\n`;
};
const names = { chat: 'messages', prompt: 'prompt', completion: 'completion', text: 'text' };

/** Files of data, and what the author of a config with them reads: all of it is refused by mlx_lm. */
const refused: readonly (readonly [what: string, files: Readonly<Record<string, string | Buffer>>, RegExp])[] = [
  [
    'a line that is cut',
    { 'train.jsonl': `${text}{"text": "b\n${text}{"x"\n${text}` },
    /^a\.yaml:\d+: data: WS\/data\/rows\/train\.jsonl, line 2: not JSON: Unterminated string in JSON at position 11 \(seen: \{"text": "b\), and 1 line more; mlx_lm reads every line as JSON\n.*\n {4}an example is one JSON object on one line; `phasebox data` checks all of them$/,
  ],
  ['an empty line', { 'train.jsonl': `${text.repeat(4)}\n${text}` }, /train\.jsonl, line 5: an empty line; mlx_lm/],
  [
    'a list over several lines',
    { 'valid.jsonl': `[\n${text.repeat(4)}]\n` },
    /valid\.jsonl, line 1: not JSON: Unexpected end of JSON input \(seen: \[\), and 1 line more/,
  ],
  [
    'a byte order mark',
    { 'train.jsonl': `\ufeff${text.repeat(4)}` },
    /train\.jsonl, line 1: a byte order mark at its start/,
  ],
  [
    'Latin-1',
    { 'train.jsonl': Buffer.concat([Buffer.from(text.repeat(4)), Buffer.from('{"text": "\u00e9"}', 'latin1')]) },
    /train\.jsonl, line 5: not UTF-8 text; mlx_lm/,
  ],
  [
    'an unused test.jsonl, which mlx_lm reads as well',
    { 'test.jsonl': "{'text': 'a'}\n" },
    /test\.jsonl, line 1: not JSON: Expected property name or '\}' in JSON at position 1 \(seen: \{'text': 'a'\}\);/,
  ],
  [
    'too few examples',
    { 'train.jsonl': text.repeat(3) },
    /^a\.yaml:\d+: data: WS\/data\/rows\/train\.jsonl has 3 examples, fewer than one batch \(batch_size 4\), which mlx_lm refuses\n.*\n {4}add examples, or write `batch_size: 3` or less$/,
  ],
  [
    'too few to validate',
    { 'valid.jsonl': text.trim() },
    /valid\.jsonl has 1 example, fewer than one batch \(batch_size 4\)/,
  ],
];

/** Files of data that mlx_lm reads. */
const taken: readonly (readonly [what: string, files: Readonly<Record<string, string>>])[] = [
  [
    'line breaks of Windows and of old Macs',
    { 'train.jsonl': '{"text": "a"}\r\n{"text": "a"}\r{"text": "a"}\r\n{"text": "a"}' },
  ],
  [
    'numbers that only Python reads',
    { 'train.jsonl': '{"text": "a NaN", "n": [NaN, -Infinity, Infinity]}\n'.repeat(4) },
  ],
  ['a short test.jsonl', { 'test.jsonl': text }],
];

async function workspaceWith(files: Readonly<Record<string, string | Buffer>>): Promise<ConfigWorkspace> {
  const workspace = await configWorkspace();
  for (const [name, content] of Object.entries(files))
    await writeFile(join(workspace.root, 'data/rows', name), content);
  return workspace;
}

describe('the examples of a config', () => {
  for (const [what, files, told] of refused) {
    it(`are refused at the inbox: ${what}`, async () => {
      expect(await (await workspaceWith(files)).reasons(plainConfig)).to.match(told);
    });
  }

  for (const [what, files] of taken) {
    it(`are taken: ${what}`, async () => {
      expect((await (await workspaceWith(files)).plan(plainConfig)).warnings).to.eql([]);
    });
  }

  it('are enough for the batches of the phase and too few for those of a variant', async () => {
    const workspace = await configWorkspace();
    const variants = { wide: { train: { batch_size: 9 } } };
    const reasons = await workspace.reasons({ ...plainConfig, variants });
    expect(reasons).to.match(/train\.jsonl has 8 examples, fewer than one batch \(batch_size 9\)/);
    expect(reasons).to.match(/valid\.jsonl has 8 examples, fewer than one batch \(batch_size 9\)/);
  });

  it('are refused where a file cannot be opened', async () => {
    const workspace = await configWorkspace();
    const { look } = workspace.lookups;
    workspace.lookups.look = async (path) => (path.endsWith('test.jsonl') ? { kind: 'file', bytes: 9 } : look(path));
    expect(await workspace.reasons(plainConfig)).to.match(
      /data: the examples cannot be read: ENOENT: .*WS\/data\/rows\/test\.jsonl/,
    );
  });

  it('are not read where nothing is trained', async () => {
    const workspace = await workspaceWith({});
    await workspace.accept(plainConfig);
    await writeFile(join(workspace.root, 'data/rows/train.jsonl'), '{');
    const { model: _model, data: _data, train: _train, ...rest } = plainConfig;
    const from = { run: '43a-s0', after: 'train' };
    expect((await workspace.plan({ ...rest, phase: '43b', from })).warnings).to.eql([]);
  });
});

describe('a suite beside the examples', () => {
  const suited = (system?: string): string =>
    system === undefined ? smallSuite : smallSuite.replace('prompts:', `system: ${system}\nprompts:`);
  const warnings = async (train: string, system?: string, more: object = {}): Promise<readonly string[]> => {
    const workspace = await workspaceWith({ 'train.jsonl': train });
    await workspace.write('suites/small.yaml', suited(system));
    return (await workspace.plan({ ...plainConfig, ...more })).warnings;
  };

  it('is warned of where the model was trained on its prompts', async () => {
    const rows = chat('other').repeat(3);
    expect(await warnings(`${rows}${chat(' Check  a.py\n')}${chat('Check a.py')}`)).to.eql([
      'eval.suite: train.jsonl asks 1 of its 2 prompts (check on line 4), so their scores may show what was memorized',
    ]);
    const pairs = `${JSON.stringify({ prompt: 'Show a.py', completion: 'x' })}\n${JSON.stringify({ prompt: 'Check a.py', completion: 'x' })}\n`;
    expect(await warnings(pairs.repeat(2))).to.eql([
      'eval.suite: train.jsonl asks 2 of its 2 prompts (read on line 1, check on line 2), so their scores may show what was memorized',
    ]);
  });

  it('is warned of where no example has its system prompt', async () => {
    const rows = `${chat('b').repeat(3)}${chat('c', 'You are  terse.')}`;
    const told = (seen: string): string =>
      `eval.suite: no example in train.jsonl has the system prompt that the eval sends; ${seen}. The model may answer differently than it was trained`;
    expect(await warnings(rows, 'You are terse.')).to.eql([]);
    expect(await warnings(rows, 'You are kind.')).to.eql([told('they have 1 other')]);
    expect(await warnings(chat('b').repeat(4), 'You are kind.')).to.eql([told('they have none')]);
    const own = { eval: { ...plainConfig.eval, system: 'You are terse.' } };
    expect(await warnings(rows, 'You are kind.', own)).to.eql([]);
    expect(await warnings(rows, 'You are kind.', { eval: { ...plainConfig.eval, system: '' } })).to.eql([]);
    // A text has no system prompt of its own.
    expect(await warnings(text.repeat(4), 'You are kind.')).to.eql([]);
  });

  it('is compared under the names that the config gives the keys of a row', async () => {
    const row = `${JSON.stringify({ talk: [{ role: 'user', content: 'Show a.py' }] })}\n`.repeat(4);
    const train = { ...plainConfig.train, chat_feature: 'talk' };
    const workspace = await workspaceWith({ 'train.jsonl': row });
    const facts = await workspace.lookups.facts();
    workspace.lookups.facts = async () => ({ ...facts, row_features: { chat_feature: 'messages' } });
    expect((await workspace.plan({ ...plainConfig, train })).warnings).to.eql([
      'eval.suite: train.jsonl asks 1 of its 2 prompts (read on line 1), so their scores may show what was memorized',
    ]);
  });
});

describe('prompts that say the same, or bring their own system message', () => {
  const ask = (id: string, messages: readonly object[]): object => ({ id, category: 'a', messages, expect: ['x'] });
  const user = { role: 'user', content: 'yes' };
  const own = (content: string): object[] => [{ role: 'system', content }, user];
  const warnings = async (train: string, prompts: readonly object[]): Promise<readonly string[]> => {
    const workspace = await workspaceWith({ 'train.jsonl': train });
    await workspace.write('suites/small.yaml', JSON.stringify({ suite: 's', system: 'unused', prompts }));
    return (await workspace.plan(plainConfig)).warnings;
  };

  it('are all named where the model was trained on them', async () => {
    const prompts = [ask('one', own('a')), ask('two', own('a'))];
    expect(await warnings(chat('yes', 'a').repeat(4), prompts)).to.eql([
      'eval.suite: train.jsonl asks 2 of its 2 prompts (one on line 1, two on line 1), so their scores may show what was memorized',
    ]);
  });

  it('are compared by what the eval sends: not by a system prompt of the suite that none of them has', async () => {
    const rows = chat('no', 'a').repeat(4);
    expect(await warnings(rows, [ask('one', own('a'))])).to.eql([]);
    expect((await warnings(rows, [ask('one', own('a')), ask('two', own('b'))])).join()).to.contain(
      'no example in train.jsonl has the system prompt',
    );
  });
});

describe('a conversation of a suite', () => {
  const said = (role: string, content: string | null, more: object = {}): object => ({ role, content, ...more });
  const [ask, offer, yes] = [said('user', 'Is a.py clean?'), said('assistant', 'Shall I run it?'), said('user', 'yes')];
  const calls = [{ id: '1', type: 'function', function: { name: 'lint', arguments: '{"path": "a.py"}' } }];
  const called = [ask, said('assistant', null, { tool_calls: calls }), said('tool', 'clean', { tool_call_id: '1' })];
  const asks = async (messages: readonly object[], rows: readonly object[]): Promise<boolean> => {
    const train = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    const workspace = await workspaceWith({ 'train.jsonl': train.repeat(4) });
    const suite = { suite: 's', prompts: [{ id: 'one', category: 'a', messages, expect: ['x'] }] };
    await workspace.write('suites/small.yaml', JSON.stringify(suite));
    const { warnings } = await workspace.plan(plainConfig);
    return warnings.some((text) => text.includes('train.jsonl asks 1 of its 1 prompt (one on line 1)'));
  };
  const row = (...messages: readonly object[]): object => ({ messages: [...messages, said('assistant', 'done')] });

  it('is known where an example has all of it, and not by its last message alone', async () => {
    const asked = [said('system', 'Be kind.'), ask, offer, yes];
    expect(await asks(asked, [row(ask, offer, yes)])).to.equal(true);
    expect(await asks(asked, [row(said('user', 'Hello'), said('assistant', 'Hi'), ask, offer, yes)])).to.equal(true);
    expect(await asks(asked, [row(yes)])).to.equal(false);
    expect(await asks(asked, [row(ask, said('assistant', 'Delete it?'), yes)])).to.equal(false);
    expect(
      await asks(asked, [row(said('user', 'Shall I run it?'), said('assistant', 'Is a.py clean?'), yes)]),
    ).to.equal(false);
    expect(await asks([yes], [row(ask, offer, yes)])).to.equal(true);
  });

  it('is compared with its calls of tools and their results', async () => {
    expect(await asks(called, [row(...called)])).to.equal(true);
    const other = JSON.parse(JSON.stringify(called).replace('a.py\\', 'b.py\\'));
    expect(await asks(called, [row(...other)])).to.equal(false);
  });

  it('is also found in plain text and in prompts with a frame, unless it is so short that this means nothing', async () => {
    const text = 'User: Is  a.py clean?\nModel: Shall I run it?\nUser: yes\nModel: done';
    expect(await asks([ask, offer, yes], [{ text }])).to.equal(true);
    expect(
      await asks(
        [offer, ask, yes].map((one) => ({ ...one, role: 'user' })),
        [{ text }],
      ),
    ).to.equal(false);
    expect(await asks([yes], [{ text }])).to.equal(false);
    const long = said('user', 'Is the file a.py clean?');
    const framed = { prompt: 'Task: Is the file a.py clean?\nResult:', completion: 'x' };
    expect(await asks([long], [framed])).to.equal(true);
    expect(await asks([long], [{ prompt: 'Task: Is the file b.py clean?', completion: 'x' }])).to.equal(false);
  });
});

describe('examples of any size', () => {
  it('are read in a thread, with the same result', async () => {
    const workspace = await workspaceWith({ 'train.jsonl': chat('x'.repeat(1000), 'a').repeat(1200) });
    const paths = [join(workspace.root, 'data/rows/train.jsonl')];
    const call = { paths, names, prompts: [[{ role: 'user', text: 'x'.repeat(1000) }]], limit_ms: 60_000 };
    const seen = { lines: 1200, broken: 0, first: null, asked: [{ prompt: 0, line: 1 }], systems: ['a'], whole: true };
    expect(await rowsOf(call)).to.eql([seen]);
    expect(await readRows(call)).to.eql([seen]);
  });

  it('are read no longer than the limit, and then nothing is concluded from what was not seen', async () => {
    const workspace = await configWorkspace();
    const paths = [join(workspace.root, 'data/rows/train.jsonl')];
    const [read] = await readRows({ paths, names, prompts: [], limit_ms: -1 });
    expect(read).to.include({ lines: 0, whole: false });
    workspace.lookups.rows = (call) => readRows({ ...call, limit_ms: -1 });
    await workspace.write('data/rows/train.jsonl', '{');
    await workspace.write('suites/small.yaml', smallSuite.replace('prompts:', 'system: s\nprompts:'));
    expect((await workspace.plan(plainConfig)).warnings).to.eql([]);
  });
});
