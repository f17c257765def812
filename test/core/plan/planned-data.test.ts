import { expect } from 'chai';
import { dataFindings, type PlannedData, taughtItems } from '../../../src/core/plan/planned-data.ts';
import { taughtText } from '../../../src/core/taught-text.ts';
import type { DataProfile, TaughtCounts } from '../../../src/events/data-report.ts';

const counts: TaughtCounts = {
  masked: true,
  answers: { total: 1159, call: 689, prose: 470, other: 0, nothing: 0 },
  calls: { total: 1074, never_taught: 385 },
  turns: { total: 1648, never_taught: 489 },
};
const profile: DataProfile = {
  ...{ rows: { train: 1159, valid: 123 }, epochs: 1, rows_never_seen: 0, val_share: 1, longest_row_tokens: 9 },
  ...{
    rows_over_max_seq_length: 0,
    rows_answer_cut: 0,
    rows_answer_lost: 0,
    system_prompts: 1,
    roles: {},
    split_marks: [],
  },
};
const none = { total: 4, never_taught: 0 };

describe('what is taught, in words', () => {
  it('counts answers by kind, and the turns that are never taught', () => {
    expect(taughtText({ taught: counts })).to.deep.equal([
      '689 of 1,159 training examples (59.4 %) end in a tool call',
      '470 of 1,159 training examples (40.6 %) end in text without a tool call',
      '385 of 1,074 calls are never trained on',
      '489 of 1,648 assistant turns are never trained on',
    ]);
  });

  it('says what is taught instead of an answer, and speaks of answers where nothing is masked', () => {
    const answers = { total: 10, call: 0, prose: 7, other: 2, nothing: 1 };
    expect(taughtText({ taught: { ...counts, answers, calls: none, turns: none } })).to.deep.equal([
      '7 of 10 training examples (70 %) end in text without a tool call',
      '2 of 10 training examples (20 %) train on something other than their answer',
      '1 of 10 training examples (10 %) train on nothing',
    ]);
    expect(taughtText({ taught: { masked: false, answers, calls: none, turns: none } })[0]).to.equal(
      '7 of 10 trained answers (70 %) are text without a tool call',
    );
  });

  it('says of a row of 0.1.0 what that version counted', () => {
    const old = { call: 0.85, prose: 0.15 };
    expect(taughtText({ first_answers: old })).to.deep.equal([
      '15 % of first answers are text without a tool call, 85 % have a tool call',
    ]);
    expect(taughtText({})).to.deep.equal([]);
  });
});

describe('the data check in a plan', () => {
  const report = { profile: null, stops: [{ code: 'BAD_DATA', message: 'no rows' }], warnings: ['few\u001b[2J rows'] };

  it('says each sentence once for all runs, and nothing in it moves the cursor', () => {
    const all: (PlannedData | null)[] = [{ checked: true, report }, null, { checked: true, report }];
    expect(dataFindings(all)).to.deep.equal({ stops: ['no rows'], warnings: ['few\\x1b[2J rows'] });
  });

  it('repeats no count that stands under `taught`, but keeps one with what to do', () => {
    const warnings = [
      '385 of 1,074 calls are never trained on',
      '470 of 1,159 training examples (40.6 %) end in text without a tool call. Check that this is intended.',
      'other',
    ];
    const counted = { ...profile, taught: counts };
    const data: PlannedData = { checked: true, report: { profile: counted, stops: [], warnings } };
    expect(dataFindings([data]).warnings).to.deep.equal(warnings.slice(1));
    expect(taughtItems(data)).to.include(warnings[0]);
  });

  it('says why it was not made', () => {
    const data: PlannedData = { checked: false, reason: 'the data is not on this machine' };
    expect(taughtItems(data)).to.deep.equal(['not checked: the data is not on this machine']);
    expect(dataFindings([data])).to.deep.equal({ stops: [], warnings: [] });
  });
});
