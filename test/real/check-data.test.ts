import { execFile } from 'node:child_process';
import { access, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { z } from 'zod';
import { dataProfile } from '../../src/events/data-report.ts';
import { tempDir } from '../helpers/temp.ts';

const repository = resolve(import.meta.dirname, '../..');
const python = process.env.PHASEBOX_TEST_PYTHON ?? join(repository, '.venv/bin/python');
const env = { ...process.env, MLX_DISABLE_COMPILE: '1', HF_HUB_OFFLINE: '1', PYTHONDONTWRITEBYTECODE: '1' };
const base = join(repository, 'demo/models/B-base');
const demoData = join(repository, 'demo/data');

const report = z.strictObject({
  profile: dataProfile,
  stops: z.array(z.strictObject({ code: z.literal('BAD_DATA'), message: z.string() })),
  warnings: z.array(z.string()),
  blind: z.array(z.string()),
});
type Report = z.infer<typeof report>;

type Row = Readonly<Record<string, unknown>> | string;

interface Case {
  /** Folder of the data, or the lines of its files. */
  readonly data: string | { readonly train?: readonly Row[]; readonly valid?: readonly Row[]; readonly test?: Row[] };
  readonly model?: string;
  readonly settings?: Readonly<Record<string, number>>;
  readonly flags?: readonly string[];
}

const defaults = { iters: 100, 'batch-size': 1, 'val-batches': -1, 'max-seq-length': 128 };

async function folderOf({ data }: Case): Promise<string> {
  if (typeof data === 'string') return data;
  const folder = await tempDir('data');
  for (const [name, rows] of Object.entries(data)) {
    const lines = rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)));
    await writeFile(join(folder, `${name}.jsonl`), lines.map((line) => `${line}\n`).join(''), 'latin1');
  }
  return folder;
}

/** Runs python/check_data.py; exit code 0 is expected, its report is returned. */
async function check(one: Case): Promise<Report> {
  const out = join(await tempDir('out'), 'profile.json');
  const settings = Object.entries({ ...defaults, ...one.settings }).flatMap(([key, value]) => [
    `--${key}`,
    String(value),
  ]);
  const paths = ['--model', one.model ?? base, '--data', await folderOf(one), '--out', out];
  const driver = join(repository, 'python/check_data.py');
  await promisify(execFile)(python, [driver, ...paths, ...settings, ...(one.flags ?? [])], { env });
  return report.parse(JSON.parse(await readFile(out, 'utf8')));
}

const call =
  '<tool_call><function=execute_code>\n<parameter=code>\nresult = lint("app.py")\n</parameter>\n</function></tool_call>';
const chat = (user: string, assistant = call, more = {}): Row => ({
  messages: [
    { role: 'system', content: 'You are a coding assistant.' },
    { role: 'user', content: user },
    { role: 'assistant', content: assistant },
  ],
  ...more,
});
const rows = (count: number): Row[] => Array.from({ length: count }, (_, index) => chat(`lint file${index}.py`));
const long = 'read app.py and '.repeat(40);
const messages = ({ stops }: Report): string[] => stops.map((stop) => stop.message);

describe('python/check_data.py, with the real tokenizer', () => {
  it('profiles good data and stops nothing', async () => {
    const settings = { iters: 200, 'batch-size': 2, 'val-batches': 10 };
    const flags = ['--mask-prompt', '--min-rows', 'train=300', 'valid=40'];
    const { profile, stops, warnings } = await check({ data: demoData, settings, flags });
    expect(stops).to.deep.equal([]);
    expect(profile).to.deep.equal({
      rows: { train: 300, valid: 40 },
      epochs: 400 / 300,
      rows_never_seen: 0,
      val_share: 0.5,
      tokens: { train: 16592, valid: 2268 },
      longest_row_tokens: 79,
      rows_over_max_seq_length: 0,
      rows_answer_cut: 0,
      rows_answer_lost: 0,
      first_answers: { call: 0.94, prose: 0.06 },
      taught: {
        masked: true,
        answers: { total: 300, call: 282, prose: 18, other: 0, nothing: 0 },
        calls: { total: 282, never_taught: 0 },
        turns: { total: 300, never_taught: 0 },
      },
      system_prompts: 1,
      roles: { system: 300, user: 300, assistant: 300 },
      split_marks: [],
    });
    expect(warnings).to.have.length(2);
    expect(warnings[0]).to.match(/validation loss is measured on only 20 of the 40 validation examples/);
    expect(warnings[1]).to.include('18 of 300 training examples (6 %) end in text without a tool call');
  });

  it('stops when the files are missing, and names them', async () => {
    const stops = messages(await check({ data: {}, flags: ['--min-rows', 'train=10'] }));
    expect(stops).to.have.length(2);
    expect(stops[0]).to.match(/train\.jsonl is missing/);
    expect(stops[1]).to.match(/valid\.jsonl is missing/);
  });

  it('stops at rows that cannot be read, with line, what was seen and what to do', async () => {
    const broken = [
      '{"messages": [',
      '',
      '[1, 2]',
      { messages: [] },
      { messages: [{ role: 'human', content: 'hi' }] },
      { messages: [{ role: 'robot', content: 'hi' }] },
      { messages: [{ role: 'assistant' }] },
      { messages: [{ role: 'user', content: 7 }] },
      { text: 'another kind' },
      '{"messages": "\xff\xfe"}',
      '{"messages": [',
    ];
    const data = { train: [...rows(2), ...broken], valid: [], test: ['no JSON'] };
    const found = await check({ data, flags: ['--min-rows', 'train=3'] });
    const stops = messages(found).join('\n');
    expect(stops).to.match(/train\.jsonl, lines 3, 13: not JSON: .* at character 15 \(seen: \{"messages": \[\)/);
    expect(stops).to.match(/line 4: empty, .* remove it/);
    expect(stops).to.match(/line 5: an example must be a JSON object .*\(seen: \[1, 2\]\)/);
    expect(stops).to.match(/line 6: `messages` must be a list of messages \(seen: \[\]\)/);
    expect(stops).to.match(/line 7: message 1 has the role human, which is of another format; write user/);
    expect(stops).to.match(/line 8: message 1 has the role robot/);
    expect(stops).to.match(/line 9: message 1 \(assistant\) has neither content nor tool_calls/);
    expect(stops).to.match(/line 10: message 1 \(user\): content must be text \(seen: 7\)/);
    expect(stops).to.match(/line 11: `messages` must be a list of messages \(seen: null\)/);
    expect(stops).to.match(/line 12: not UTF-8 text .*save the file as UTF-8/);
    expect(stops).to.match(/valid\.jsonl, line 1: the file is empty/);
    expect(stops).to.match(/test\.jsonl, line 1: not JSON/);
    expect(stops).to.match(/train\.jsonl has 2 examples that can be read; min_rows requires 3/);
    expect(found.profile.rows).to.deep.equal({ train: 2, valid: 0 });
  });

  it('stops at fewer rows than a batch, and at val_batches 0', async () => {
    const settings = { 'batch-size': 4, 'val-batches': 0 };
    const stops = messages(await check({ data: { train: rows(3), valid: rows(5) }, settings }));
    expect(stops).to.have.length(2);
    expect(stops[0]).to.match(/train\.jsonl has 3 examples, fewer than one batch \(batch_size 4\)/);
    expect(stops[1]).to.match(/val_batches is 0: .*NaN/);
  });

  it('stops at a row that the chat template refuses', async () => {
    const model = await changedBase('tokenizer_config.json', (config) => {
      config.chat_template = `{% if messages | length > 3 %}{{ raise_exception('three turns at most') }}{% endif %}${config.chat_template}`;
    });
    const turns = [1, 2, 3, 4].map((turn) => ({ role: turn % 2 ? 'user' : 'assistant', content: 'hi' }));
    const stops = messages(await check({ model, data: { train: [...rows(2), { messages: turns }], valid: rows(2) } }));
    expect(stops).to.have.length(1);
    expect(stops[0]).to.match(/train\.jsonl, line 3: mlx_lm cannot tokenize the example .*three turns at most/);
  });

  it('stops when no row keeps its whole answer', async () => {
    const settings = { 'max-seq-length': 24 };
    const { stops, profile } = await check({ data: demoData, settings, flags: ['--mask-prompt'] });
    expect(stops[0]?.message).to.match(
      /train\.jsonl: no answer is complete: \d+ answers are cut off (at the end|entirely)/,
    );
    expect(profile.rows_answer_lost + profile.rows_answer_cut).to.equal(300);
    expect(profile.rows_over_max_seq_length).to.equal(300);
  });

  it('stops at a batch whose loss is sure to be NaN, warns of one that may not come up', async () => {
    const data = { train: [...rows(4), chat(long)], valid: rows(2) };
    const flags = ['--mask-prompt'];
    const sure = await check({ data, flags, settings: { iters: 5 } });
    expect(messages(sure)).to.have.length(1);
    expect(messages(sure)[0]).to.match(/train\.jsonl, line 5: in these batches no token of an answer is left/);
    const maybe = await check({ data, flags, settings: { iters: 2 } });
    expect(maybe.stops).to.deep.equal([]);
    const warning = /line 5: in these batches no token of an answer is left .* with a probability of 40 %/;
    expect(maybe.warnings.join('\n')).to.match(warning);
    expect(maybe.blind, 'what a NAN_LOSS would repeat').to.have.length(1);
    expect(maybe.blind[0]).to.match(warning);
    const likely = await check({ data, flags, settings: { iters: 4 } });
    expect(messages(likely)).to.have.length(1);
    expect(messages(likely)[0]).to.match(
      /line 5: in these batches no token of an answer is left .* with a probability of 80 %/,
    );
    const unmasked = await check({ data, settings: { iters: 5 } });
    expect(unmasked.stops).to.deep.equal([]);
    expect(unmasked.profile.rows_answer_lost).to.equal(1);
  });

  it('warns of rows and answers that are cut', async () => {
    const train = [...rows(3), chat('lint app.py', long), ...rows(2)];
    const { profile, stops, warnings } = await check({ data: { train, valid: rows(2) }, flags: ['--mask-prompt'] });
    expect(stops).to.deep.equal([]);
    expect(profile).to.include({ rows_over_max_seq_length: 1, rows_answer_cut: 1, rows_answer_lost: 0 });
    expect(warnings[0]).to.match(
      /1 of 6 examples are longer than max_seq_length 128 and are cut \(the longest: line 4, \d+/,
    );
    expect(warnings[1]).to.match(/train\.jsonl, line 4: 1 answer is cut off at the end$/);
  });

  it('counts the rows that are never seen as the training does', async () => {
    // a row with one more key is sorted to the end, into the batch that is not whole
    const train = [chat('lint b.py', call, { tools: null }), ...rows(10)];
    const settings = { iters: 3, 'batch-size': 2 };
    const few = await check({ data: { train, valid: rows(5) }, settings });
    expect(few.profile.rows_never_seen)
      .to.equal(await unseenByTraining(train, 3, 2))
      .and.to.equal(5);
    expect(few.profile.epochs).to.equal(6 / 11);
    expect(few.profile.val_share).to.equal(4 / 5);
    expect(few.warnings.join('\n')).to.match(/5 of 11 training examples are never used: .* 0\.55 epochs/);
    const many = await check({ data: { train, valid: rows(5) }, settings: { iters: 50, 'batch-size': 2 } });
    expect(many.profile.rows_never_seen)
      .to.equal(await unseenByTraining(train, 50, 2))
      .and.to.equal(1);
  });

  it('warns of marks that are not one token', async () => {
    const model = await changedBase('tokenizer.json', (tokenizer) => {
      const tokens = tokenizer.added_tokens as { content: string }[];
      tokenizer.added_tokens = tokens.filter((token) => token.content !== '<tool_response>');
    });
    const train = [...rows(2), chat('<tool_response>\nfine\n</tool_response>')];
    const { profile, warnings } = await check({ model, data: { train, valid: rows(2) } });
    expect(profile.split_marks).to.deep.equal(['<tool_response>']);
    expect(warnings.join('\n')).to.match(/<tool_response>: not one token/);
  });

  it('reads prompt/completion and text rows as mlx_lm does', async () => {
    const pair = (completion: string): Row => ({ prompt: 'lint app.py', completion });
    const pairs = { train: [pair(call), pair('It is fine .')], valid: [pair(call)] };
    const completions = await check({ data: pairs });
    expect(completions.stops).to.deep.equal([]);
    expect(completions.profile.first_answers).to.deep.equal({ call: 0.5, prose: 0.5 });
    const text = { train: [{ text: 'lint app.py' }, { text: long }], valid: [{ text: call }] };
    const plain = await check({ data: text });
    expect(plain.stops).to.deep.equal([]);
    expect(plain.profile).to.include({ rows_answer_cut: 1, rows_over_max_seq_length: 1 });
    const masked = await check({ data: text, flags: ['--mask-prompt'] });
    expect(messages(masked).join('\n')).to.match(/examples with `text` have no prompt to mask; remove mask_prompt/);
    const unknown = await check({ data: { train: [{ question: 'q' }], valid: rows(1) } });
    expect(messages(unknown)[0]).to.match(
      /an example needs `messages`, or `prompt` and `completion`, or `text` \(seen: question\)/,
    );
  });

  it("reports the user's own data unchanged", async function () {
    const data = resolve(repository, '../shared/phase33_merged');
    const there = await access(data).then(
      () => true,
      () => false,
    );
    if (!there) this.skip();
    const settings = { iters: 800, 'val-batches': 10, 'max-seq-length': 2048 };
    const { profile, stops, warnings } = await check({
      data,
      settings,
      flags: ['--mask-prompt', '--min-rows', 'train=1000'],
    });
    expect(stops).to.deep.equal([]);
    expect(profile.rows).to.deep.equal({ train: 1159, valid: 123 });
    expect(profile.rows_never_seen).to.equal(359);
    expect(profile.epochs).to.be.closeTo(0.69, 0.001);
    expect(profile.val_share).to.be.closeTo(10 / 123, 1e-9);
    expect(profile.first_answers?.prose).to.be.closeTo(0.154, 0.001);
    expect(profile.system_prompts).to.equal(4);
    expect(warnings.join('\n'))
      .to.contain('470 of 1,159 training examples (40.6 %) end in text without a tool call')
      .and.to.contain('385 of 1,074 calls are never trained on');
  });
});

/** A copy of the demo base with one of its JSON files changed. */
async function changedBase(file: string, change: (content: Record<string, unknown>) => void): Promise<string> {
  const folder = join(await tempDir('model'), 'base');
  await mkdir(folder);
  await cp(base, folder, { recursive: true });
  const content = JSON.parse(await readFile(join(folder, file), 'utf8'));
  change(content);
  await writeFile(join(folder, file), JSON.stringify(content));
  return folder;
}

/** How many rows mlx_lm's own iterate_batches leaves out in so many iterations; the same for three seeds. */
async function unseenByTraining(train: readonly Row[], iters: number, batch: number): Promise<number> {
  const code = `
import json, sys
from itertools import islice
import numpy
from mlx_lm.tuner.datasets import CacheDataset, ChatDataset
from mlx_lm.tuner.trainer import iterate_batches
rows, counts = json.load(sys.stdin), set()
class Numbered(ChatDataset):
    def process(self, row):
        return ([1000 + self._data.index(row)] * 8, 0)
for seed in range(3):
    numpy.random.seed(seed)
    batches = iterate_batches(CacheDataset(Numbered(rows, None)), ${batch}, 128, loop=True)
    counts.add(len(rows) - len({row[0] for batch, _ in islice(batches, ${iters}) for row in batch.tolist()}))
print(json.dumps(sorted(counts)))`;
  const running = promisify(execFile)(python, ['-c', code], { env });
  running.child.stdin?.end(JSON.stringify(train));
  const counts: unknown = JSON.parse((await running).stdout);
  expect(counts).to.have.length(1);
  return z.array(z.int()).parse(counts)[0] ?? -1;
}
