import type { PhaseOnPage } from '../../src/core/compare/groups.ts';
import type { DataProfile } from '../../src/events/data-report.ts';
import { criteria } from '../../src/events/phase.ts';
import type { Row } from '../../src/events/row.ts';
import { makeRow, modeCounts } from './rows.ts';

const gb = 2 ** 30;

const profile: DataProfile = {
  rows: { train: 1159, valid: 123 },
  epochs: 800 / 1159,
  rows_never_seen: 359,
  val_share: 10 / 123,
  longest_row_tokens: 1802,
  rows_over_max_seq_length: 0,
  rows_answer_cut: 0,
  rows_answer_lost: 0,
  first_answers: { call: 0.85, prose: 0.15 },
  taught: {
    masked: true,
    answers: { total: 1159, call: 689, prose: 470, other: 0, nothing: 0 },
    calls: { total: 1074, never_taught: 385 },
    turns: { total: 1648, never_taught: 489 },
  },
  system_prompts: 1,
  roles: { system: 1159, user: 1159, assistant: 1159 },
  split_marks: [],
};

const names = ['text_tools', 'validation', 'lsp', 'git', 'cst', 'domain', 'multi_tool'];
const scores = (...values: readonly number[]) =>
  Object.fromEntries(names.map((name, index) => [name, values[index] ?? 0]));

const shared: Partial<Row> = {
  profile,
  warnings: ['359 of 1,159 rows are never seen in 800 iterations'],
  baseline: { name: '33b', overall: 82.4, categories: { domain: 60, multi_tool: 35 }, comparable: null },
};

const coder = 'mlx-community/Qwen3-Coder-30B-A3B-Instruct-4bit';
const dense = 'mlx-community/Qwen3-14B-4bit';
const coderBase = {
  key: 'aaaaaaaaaaaa',
  overall: 31.5,
  strict: 20.4,
  categories: scores(33.3, 50, 20, 33.3, 50, 22.2, 35),
  strict_categories: null,
};
const denseBase = {
  key: 'bbbbbbbbbbbb',
  overall: 11.1,
  strict: 5.6,
  categories: scores(16.7, 0, 10, 16.7, 16.7, 11.1, 0),
  strict_categories: null,
};

const a = (changed: Partial<Row>) =>
  makeRow({
    ...shared,
    phase: '43a',
    model: coder,
    base: coderBase,
    bytes: { temp_peak: 20.4 * gb, estimated_peak: 20 * gb, final: 19.6 * gb },
    ...changed,
  });
const b = (changed: Partial<Row>) =>
  makeRow({
    ...shared,
    phase: '43b',
    model: dense,
    base: denseBase,
    bytes: { temp_peak: 9.4 * gb, estimated_peak: 9 * gb, final: 9.1 * gb },
    ...changed,
  });

/** The user's figures as if they were seeds of one night (43b's but the first are invented), with a failure. */
export const night: Row[] = [
  a({
    run: '43a-s0',
    categories: scores(100, 100, 90, 100, 100, 60, 35),
    verdict: 'fail',
    ended: '2026-11-21T23:04:00.000Z',
  }),
  a({
    run: '43a-s1',
    seed: 1,
    overall: 38.888888888888886,
    strict: 38.888888888888886,
    categories: scores(50, 50, 50, 33.333333333333336, 16.666666666666668, 27.77777777777778, 100),
    modes: modeCounts({ wrapped: 1, direct_call: 19, thinking: 7 }),
    metrics: { val_loss: 0.26, train_loss: 0.2 },
    verdict: 'fail',
    seconds: { train: 2533.2, fuse: 116, cleanup: 0.8, eval: 431 },
    ended: '2026-11-21T23:55:00.000Z',
  }),
  a({
    run: '43a-s2',
    seed: 2,
    overall: 22.22222222222222,
    strict: 9.25925925925926,
    categories: scores(33.333333333333336, 50, 20, 50, 16.666666666666668, 5.555555555555555, 0),
    modes: modeCounts({ direct_call: 5, prose: 22 }),
    metrics: { val_loss: 0.18, train_loss: 0.15 },
    verdict: 'fail',
    warnings: ['359 of 1,159 rows are never seen in 800 iterations', 'fuse was tried again after GPU_FAULT'],
    seconds: { train: 2524, fuse: 260.4, cleanup: 1, eval: 244 },
    ended: '2026-11-22T00:46:00.000Z',
  }),
  b({
    run: '43b-s0',
    overall: 18.51851851851852,
    strict: 18.51851851851852,
    categories: scores(
      16.666666666666668,
      33.333333333333336,
      20,
      16.666666666666668,
      16.666666666666668,
      16.666666666666668,
      0,
    ),
    modes: modeCounts({ direct_call: 10, prose: 17 }),
    metrics: { val_loss: 0.31, train_loss: 0.3 },
    verdict: 'fail',
    outcome: 'structural, strong evidence',
    seconds: { train: 3902, fuse: 61, cleanup: 1, eval: 301 },
    ended: '2026-11-22T01:58:00.000Z',
  }),
  b({
    run: '43b-s1',
    seed: 1,
    status: 'failed',
    overall: null,
    strict: null,
    categories: null,
    strict_categories: null,
    modes: null,
    base: null,
    metrics: { val_loss: 0.33, train_loss: 0.3 },
    seconds: { train: 3911, fuse: 402.5 },
    bytes: { temp_peak: 9.9 * gb, estimated_peak: 9 * gb, final: null },
    eval_identity: null,
    error: {
      code: 'OUTPUT_DAMAGED',
      message: 'A file is not whole: model/model-00002-of-00003.safetensors has 1,288,490,188 of 5,368,709,120 bytes',
      stage: 'fuse',
      attempt: 4,
      log: [
        'Loading <base> from mlx-community/Qwen3-14B-4bit',
        '| 41 % | ████',
        '```',
        '[METAL] Command buffer execution failed: Caused GPU Timeout Error',
      ],
    },
    ended: '2026-11-22T03:10:00.000Z',
  }),
];

/** What the two phases were to show, as in the issue. */
export const nightPhases: PhaseOnPage[] = [
  {
    phase: '43a',
    title: 'Coder-30B, same settings as 33b',
    hypothesis: '82.4 % holds within +-5 points',
    criteria: criteria.parse({ gate: 'overall >= 82.4 && (domain > 60 || multi_tool > 35)' }),
    accepted: '2026-11-21T22:14:05.000Z',
    runs: ['43a-s0', '43a-s1', '43a-s2'],
  },
  {
    phase: '43b',
    title: '14B dense',
    hypothesis: null,
    criteria: criteria.parse(
      JSON.parse(
        '{"gate": "overall >= 82.4", "outcomes": [{"when": "overall >= 80", "then": "confirmed"},' +
          '{"when": "overall < 23", "then": "structural, strong evidence"}, {"when": "overall < 50", "then": "structural"}, {"then": "ambiguous"}]}',
      ),
    ),
    accepted: '2026-11-21T22:14:05.100Z',
    runs: ['43b-s0', '43b-s1', '43b-s2'],
  },
];
