import { expect } from 'chai';
import { dataPage } from '../../../src/core/page/data-page.ts';
import {
  conclusion,
  type DataReport,
  dataFigures,
  dataText,
  markedPieces,
  splitText,
} from '../../../src/core/page/data-report.ts';
import type { CheckReport, DataProfile, ShownRow } from '../../../src/events/data-report.ts';

const profile: DataProfile = {
  rows: { train: 1159, valid: 123 },
  epochs: 1,
  rows_never_seen: 0,
  val_share: 1,
  longest_row_tokens: 1034,
  rows_over_max_seq_length: 0,
  rows_answer_cut: 0,
  rows_answer_lost: 0,
  first_answers: { call: 0.846, prose: 0.154 },
  taught: {
    masked: true,
    answers: { total: 1159, call: 689, prose: 470, other: 0, nothing: 0 },
    calls: { total: 1074, never_taught: 385 },
    turns: { total: 1648, never_taught: 489 },
  },
  tokens: { train: 200000, valid: 20000 },
  system_prompts: 4,
  roles: {},
  split_marks: [],
};

const after: DataProfile = {
  ...profile,
  rows: { train: 1648, valid: 173 },
  rows_answer_cut: 2,
  taught: {
    masked: true,
    answers: { total: 1648, call: 1074, prose: 574, other: 0, nothing: 0 },
    calls: { total: 1074, never_taught: 0 },
    turns: { total: 1648, never_taught: 0 },
  },
  tokens: { train: 250000, valid: 25000 },
};

const shown = (row: Partial<ShownRow>): ShownRow => ({
  file: 'train.jsonl',
  line: 1,
  pieces: [],
  findings: [],
  ...row,
});
const found = (more: Partial<CheckReport> = {}): CheckReport => ({
  profile,
  stops: [],
  blind: [],
  warnings: [],
  shown: [],
  ...more,
});
const reportOf = (more: Partial<DataReport> = {}): DataReport => ({
  data: '/data/mine',
  file: 'train.jsonl',
  model: '/models/base',
  maskPrompt: true,
  maxSeqLength: 2048,
  before: found(),
  split: null,
  ...more,
});
const split: DataReport['split'] = {
  folder: '/data/split',
  files: [
    {
      name: 'train.jsonl',
      copied: false,
      rows: { before: 1159, after: 1648 },
      left_out: ['train.jsonl, line 3: left out'],
    },
    { name: 'test.jsonl', copied: true, rows: { before: 5, after: 5 }, left_out: [] },
  ],
  after: found({ profile: after, warnings: ['the last warning'] }),
};

const hostile = '<script>alert(1)</script>\u001b[31m & \u202e</pre>\u0000';
const taughtRow = (context: string, text: string, rest = ''): ShownRow =>
  shown({
    pieces: [
      { text: context, taught: false },
      { text, taught: true },
      ...(rest === '' ? [] : [{ text: rest, taught: false }]),
    ],
  });

describe('the report on data', () => {
  it('counts what is taught, with shares, and leaves out what is rarely there and is not', () => {
    expect(dataFigures('train.jsonl', [profile]).map(({ name, cells }) => `${name}: ${cells.join()}`)).to.deep.equal([
      'examples in train.jsonl: 1,159',
      'examples in valid.jsonl: 123',
      'tokens in train.jsonl: 200,000',
      'tokens in the longest example: 1,034',
      'examples that end in a tool call: 689 of 1,159 (59.4 %)',
      'examples that end in text: 470 of 1,159 (40.6 %)',
      'calls that are never trained on: 385 of 1,074 (35.8 %)',
      'assistant turns that are never trained on: 489 of 1,648 (29.7 %)',
    ]);
  });

  it('puts the split data next to the data, also where only one of them has a figure', () => {
    const figures = new Map(dataFigures('train.jsonl', [profile, after]).map(({ name, cells }) => [name, cells]));
    expect(figures.get('calls that are never trained on')).to.deep.equal(['385 of 1,074 (35.8 %)', '0 of 1,074']);
    expect(figures.get('answers cut short')).to.deep.equal(['0 of 1,159', '2 of 1,648 (0.1 %)']);
    const { tokens: _, taught: __, ...older } = profile;
    const names = dataFigures('mine.jsonl', [older]).map(({ name }) => name);
    expect(names).to.deep.equal(['examples in mine.jsonl', 'examples in valid.jsonl', 'tokens in the longest example']);
  });

  it('counts answers where a row teaches several', () => {
    const { taught } = profile;
    if (taught === undefined) throw new Error('the profile has counts');
    const names = dataFigures('train.jsonl', [{ ...profile, taught: { ...taught, masked: false } }]);
    expect(names.map(({ name }) => name)).to.include('answers that end in a tool call');
  });

  it('says whether a training would start', () => {
    const stop = { code: 'BAD_DATA', message: 'train.jsonl is missing' };
    expect(conclusion(found())).to.equal('Training on this data would start.');
    expect(conclusion(found({ warnings: ['a'] }))).to.match(/would start, with 1 warning\./);
    expect(conclusion(found({ warnings: ['a'], stops: [stop] }))).to.match(/would be stopped/);
    expect(dataText(reportOf({ before: found({ stops: [stop] }) }))).to.include('\n  stop: train.jsonl is missing\n');
  });

  it('says what the split did, and then what holds of the split data', () => {
    expect(splitText(reportOf({ split }))).to.deep.equal([
      'train.jsonl: 1,159 examples became 1,648, one for each assistant turn',
      'train.jsonl, line 3: left out',
      'test.jsonl: copied unchanged, because its examples are not chats',
      'The split data has 1.3 times as many tokens to read.',
    ]);
    const text = dataText(reportOf({ before: found({ warnings: ['the first warning'] }), split }));
    expect(text).to.match(/ before +after the split\n/);
    expect(text).to.include('the last warning').and.not.to.include('the first warning');
  });

  it('takes what follows the last taught piece for cut, and nothing else', () => {
    const pieces = [false, true, false, true, false].map((taught, index) => ({ text: String(index), taught }));
    const marks = (row: ShownRow): string[] => markedPieces(row).map(({ mark }) => mark);
    expect(marks(shown({ pieces }))).to.deep.equal(['context', 'taught', 'context', 'taught', 'cut']);
    expect(marks(shown({ pieces: pieces.slice(0, 1) }))).to.deep.equal(['context']);
  });
});

describe('the report on data, on a terminal', () => {
  const text = (row: ShownRow): string => dataText(reportOf({ before: found({ shown: [row] }) }));

  it('marks the taught part in a margin, without colours', () => {
    const lines = text({
      ...taughtRow('<|user|>\na?\n<|assistant|>\n', 'b.\n\nc.<|end|>\n'),
      findings: ['a call is lost'],
    });
    const expected = [
      'train.jsonl, line 1',
      '  a call is lost',
      '        | <|user|>',
      '        | a?',
      '        | <|assistant|>',
      'trained | b.',
      'trained | ',
      'trained | c.<|end|>',
    ];
    expect(lines.endsWith(`\n\n${expected.join('\n')}\n`), lines).to.equal(true);
  });

  it('shows that nothing, or no more than white space, is taught', () => {
    expect(text(shown({ pieces: [{ text: 'a', taught: false }] }))).to.match(/ {8}\| a\ntrained \| \(nothing\)\n$/);
    expect(text(taughtRow('a', '\n'))).to.include('trained | "\\n"\n');
  });

  it('escapes what a terminal would act on, and shortens what is long', () => {
    const hostileText = text(taughtRow(`${hostile}\n${'line\n'.repeat(50)}`, 'x'.repeat(5000), 'cut'));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be left
    expect(hostileText).not.to.match(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    expect(hostileText)
      .to.include('\\x1b[31m & \\u202e</pre>\\x00')
      .and.to.match(/\((\d+) more lines\)/);
    expect(hostileText).to.match(/ {3}cut \| cut\n/);
    expect(hostileText.length).to.be.below(2000);
    const odd = { name: 'a\u001b[2J.jsonl', copied: true, rows: { before: 1, after: 1 }, left_out: [] };
    const named = dataText(reportOf({ data: 'a\n\u001b[2J', split: { folder: '/x', files: [odd], after: found() } }));
    expect(named).to.include('a\\n\\x1b[2J, read by the tokenizer of').and.to.include('a\\x1b[2J.jsonl: copied');
    expect(named).not.to.include('\u001b');
  });
});

describe('the report on data, as a page', () => {
  const page = dataPage(
    reportOf({
      data: `/data/${hostile}`,
      split,
      before: found({ shown: [taughtRow(hostile, `${hostile}\ttab`, 'rest')] }),
    }),
    '',
  );

  it('needs no other file and no script', () => {
    expect(page).not.to.match(/<script|<link rel="stylesheet"|<img|https?:|@import|url\(/);
    expect(page)
      .to.match(/^<!doctype html>/)
      .and.to.include('prefers-color-scheme:dark');
  });

  it('shows all that the data says as text', () => {
    const inner = /<pre class="row">\n([\s\S]*?)<\/pre>/.exec(page)?.[1] ?? '';
    const escaped = '&lt;script>alert(1)&lt;/script>\\x1b[31m &amp; \\u202e&lt;/pre>\\x00';
    expect(inner).to.equal(`${escaped}<mark>${escaped}\ttab</mark><span class="cut">rest</span>`);
    expect(page).to.include('385 of 1,074 (35.8 %)').and.to.include('the last warning');
  });

  it('keeps the first line end of a row', () => {
    const [, inner] = dataPage(reportOf({ before: found({ shown: [taughtRow('\na', 'b')] }) }), '').split(
      '<pre class="row">',
    );
    expect(inner).to.match(/^\n\na<mark>b<\/mark><\/pre>/);
  });
});
