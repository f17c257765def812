import { expect } from 'chai';
import { contrast } from '../../../src/core/compare/contrast.ts';
import { groupRuns, type PhaseOnPage } from '../../../src/core/compare/groups.ts';
import { pairsOf } from '../../../src/core/compare/pairs.ts';
import type { PromptScores } from '../../../src/core/compare/prompts.ts';
import { promptChanges, promptTable, tellingPrompts } from '../../../src/core/compare/prompts.ts';
import { type Summary, summarise } from '../../../src/core/compare/summary.ts';
import { tellingAnswer } from '../../../src/core/compare/telling.ts';
import { findingText } from '../../../src/core/page/report-words.ts';
import { criteria } from '../../../src/events/phase.ts';
import type { Row } from '../../../src/events/row.ts';
import { makeRow, noCustody } from '../../helpers/rows.ts';

const phaseNamed = (phase: string): PhaseOnPage => ({
  phase,
  title: null,
  hypothesis: null,
  criteria: criteria.parse({ gate: 'overall >= 60' }),
  accepted: '2026-11-21T22:14:05.000Z',
  runs: [],
});

/** Rows `a-s0`, `a-s1` ... with these scores, each judged by the gate. */
const rowsOf = (phase: string, scores: readonly number[], changed: Partial<Row> = {}): Row[] =>
  scores.map((overall, seed) =>
    makeRow({ phase, run: `${phase}-s${seed}`, seed, overall, verdict: overall >= 60 ? 'pass' : 'fail', ...changed }),
  );

const adapterOf = (adapter: string): Partial<Row> => ({ custody: { ...noCustody, adapter } });

/** Points of prompts p0, p1 ... */
const points = (...scores: readonly number[]): PromptScores =>
  scores.map((score, index) => ({
    id: `p${index}`,
    repeat: 0,
    score,
    strict: 0,
    mode: score > 0 ? 'wrapped' : 'prose',
  }));

function summaries(rows: readonly Row[], prompts: ReadonlyMap<string, PromptScores> = new Map()): Summary[] {
  const phases = [...new Set(rows.map(({ phase }) => phase))].map(phaseNamed);
  return groupRuns(rows, phases, prompts).map(summarise);
}

const one = (rows: readonly Row[], prompts?: ReadonlyMap<string, PromptScores>): Summary => {
  const [first] = summaries(rows, prompts);
  if (first === undefined) throw new Error('no group');
  return first;
};

const pair = (rows: readonly Row[], prompts?: ReadonlyMap<string, PromptScores>) => {
  const all = summaries(rows, prompts);
  const [a, b] = all;
  if (a === undefined || b === undefined) throw new Error('no two groups');
  return contrast([a, b], all, (id) => (id === 'p0' ? 'git' : 'domain'));
};

describe('summarise', () => {
  it('is undecided when one run does not agree with the mean, settled when all do', () => {
    expect(one(rowsOf('a', [90, 80, 40])).gate).to.include({ verdict: 'pass', settled: false, passing: 2, of: 3 });
    expect(one(rowsOf('a', [90, 80, 70])).gate).to.include({ verdict: 'pass', settled: true, passing: 3, of: 3 });
    expect(one(rowsOf('a', [10, 20])).gate).to.include({ verdict: 'fail', settled: true, passing: 0, of: 2 });
  });

  it('counts a model once, however often it is judged: no share of 3 from one training', () => {
    const judged = (models: string[], scores: number[]) =>
      rowsOf('a', scores).map((row, at) => ({ ...row, custody: { ...row.custody, adapter: models[at] ?? null } }));
    const same = one(judged(['x', 'x', 'x'], [90, 90, 90])).gate;
    expect(same).to.deep.include({ verdict: 'pass', settled: null, runs: 3, passing: 1, of: 1 });
    expect(same?.share?.low).to.be.closeTo(2.5, 1e-9);
    expect(one(judged(['x', 'y', 'x'], [90, 80, 90])).gate).to.include({ settled: true, runs: 3, passing: 2, of: 2 });
    expect(one(judged(['x', 'y', 'x'], [90, 80, 40])).gate).to.include({ settled: false, passing: 2, of: 2 });
  });

  it('says of one run neither, and gives no range for the recipe but one for this model', () => {
    const single = one(rowsOf('a', [90]), new Map([['a-s0', points(1, 1, 1, 0)]]));
    expect(single.gate?.settled).to.equal(null);
    expect([single.sd, single.thisSuite, single.newPrompts]).to.eql([null, null, null]);
    expect(single.thisModel?.low).to.be.within(0, 60);
    expect(single.thisModel?.high).to.be.within(75, 100);
  });

  it('is at best undecided when the checkpoint was chosen on the prompts that are reported', () => {
    const selection = { by: 'suite', suite_sha256: 'a', same_suite: true, candidates: [], optimism: 4 } as const;
    const { gate } = one(rowsOf('a', [90, 80], { selection: { ...selection, candidates: [] } }));
    expect([gate?.settled, gate?.because]).to.eql([
      false,
      'the checkpoint was chosen on the prompts that are reported',
    ]);
  });

  it('reads the figures that the gate reads', () => {
    expect(one(rowsOf('a', [90, 80], { score_by: 'strict', strict: 12 })).mean).to.equal(12);
  });

  it('never leaves 0-100', () => {
    expect(one(rowsOf('a', [82.4, 38.9, 22.2])).thisSuite).to.eql({ low: 0, high: 100 });
  });

  it('has a wider range on new prompts than on these', () => {
    const prompts = new Map([
      ['a-s0', points(1, 1, 0, 0.5, 1, 0)],
      ['a-s1', points(1, 0.5, 0, 0.5, 1, 0)],
      ['a-s2', points(1, 1, 0, 0, 1, 0)],
    ]);
    const { thisSuite, newPrompts } = one(rowsOf('a', [58.3, 50, 50]), prompts);
    const width = (range: { low: number; high: number } | null) => (range === null ? 0 : range.high - range.low);
    expect(width(newPrompts)).to.be.above(width(thisSuite));
  });

  it('has no range on new prompts when the answers of a run are gone', () => {
    expect(one(rowsOf('a', [50, 60]), new Map([['a-s0', points(1, 0)]])).newPrompts).to.equal(null);
  });
});

describe('contrast', () => {
  it('speaks of recipes with two runs a side: a - b', () => {
    const { finding } = pair([...rowsOf('a', [82.4, 38.9, 22.2]), ...rowsOf('b', [18.5, 24.1, 20.4])]);
    if (finding.kind !== 'recipes') throw new Error(finding.kind);
    expect(finding.difference).to.be.closeTo(26.83, 0.01);
    expect(finding.p).to.be.closeTo(0.27, 0.005);
    expect(Math.round(finding.low)).to.equal(-49);
    expect([finding.high, finding.equivalent]).to.eql([100, 'cannot tell']);
  });

  it('takes a variant and the runs that it branches off as pairs', () => {
    const plain = rowsOf('a', [72.5, 72.1, 69.1]);
    const q4 = [59.1, 62.5, 55.8].map((overall, seed) =>
      makeRow({
        phase: 'a',
        variant: 'q4',
        run: `a-s${seed}-q4`,
        seed,
        overall,
        from: { run: `a-s${seed}`, after: 'train' },
      }),
    );
    const all = summaries([...plain, ...q4]);
    const [first, second] = [all[1], all[0]];
    if (first === undefined || second === undefined) throw new Error('no two groups');
    const { finding, spread } = contrast([first, second], all, () => null);
    if (finding.kind !== 'pairs') throw new Error(finding.kind);
    expect([finding.pairs, finding.unpaired, Number(finding.difference.toFixed(2))]).to.eql([3, 0, -12.1]);
    expect(finding.p).to.be.below(0.05);
    expect(contrast([second, first], all, () => null).finding)
      .to.have.property('difference')
      .above(12);
    expect(spread?.from).to.eql(['a', 'a q4']);
    const [plainOnly, oneLess] = summaries([...plain, ...q4.slice(1)]);
    if (plainOnly === undefined || oneLess === undefined) throw new Error('no two groups');
    const short = contrast([plainOnly, oneLess], [plainOnly, oneLess], () => null).finding;
    expect(short).to.include({ kind: 'pairs', pairs: 2, unpaired: 1 });
    expect(findingText(short, { a: 'a', b: 'a q4' })).to.match(/\(t over 2 pairs .*\)\. Left out: 1 run in no pair\.$/);
  });

  it('asks of one run against several whether it is one more of them', () => {
    const { finding } = pair([...rowsOf('a', [82.4]), ...rowsOf('b', [38.9, 22.2, 18.5])]);
    if (finding.kind !== 'draw') throw new Error(finding.kind);
    expect([finding.single, Number(finding.p.toFixed(3))]).to.eql(['a', 0.047]);
  });

  it('speaks of two models with one run a side, and of the false alarm as a word on recipes', () => {
    const prompts = new Map([
      ['a-s0', points(1, 1, 1, 1, 1, 1, 1, 0)],
      ['b-s0', points(0, 0, 0, 0, 0, 0, 0, 0)],
    ]);
    const alone = pair([...rowsOf('a', [87.5]), ...rowsOf('b', [0])], prompts).finding;
    if (alone.kind !== 'models') throw new Error(alone.kind);
    expect([alone.p, alone.simulated, alone.falseAlarm]).to.eql([2 / 2 ** 7, false, null]);
    const seen = pair([...rowsOf('a', [87.5]), ...rowsOf('b', [0]), ...rowsOf('c', [40, 50])], prompts);
    expect(seen.spread?.from).to.eql(['c']);
    expect(seen.finding).to.have.property('falseAlarm').that.is.within(0.11, 0.3);
  });

  it('pools the spread only over the same base model and evaluation', () => {
    const rows = [
      ...rowsOf('a', [50, 60]),
      ...rowsOf('b', [40, 52]),
      ...rowsOf('other-model', [0, 100], { model: 'another' }),
      ...rowsOf('other-eval', [0, 100], { eval_identity: 'f'.repeat(64) }),
    ];
    const { spread } = pair(rows);
    expect(spread?.from).to.eql(['a', 'b']);
    expect(spread?.sd).to.be.closeTo(Math.sqrt((50 + 72) / 2), 1e-9);
    expect(spread?.df).to.equal(2);
  });

  it('takes runs that are the same model again as one draw of the recipe', () => {
    const again = pair([...rowsOf('a', [50, 50], adapterOf('aa')), ...rowsOf('b', [40, 40], adapterOf('bb'))]);
    expect([again.finding.kind, again.spread]).to.eql(['models', null]);
    expect([again.a.sd, again.a.thisSuite, again.a.runs.length]).to.eql([null, null, 2]);
    const several = pair([...rowsOf('a', [50, 50], adapterOf('aa')), ...rowsOf('b', [40, 42, 47])]);
    expect(several.finding).to.include({ kind: 'draw', single: 'a' });
  });

  it('claims nothing where no run differs from another of its side', () => {
    const third = 100 / 3;
    expect(pair([...rowsOf('a', [50, 50, 50]), ...rowsOf('b', [40, 40])]).finding).to.eql({
      kind: 'flat',
      difference: 10,
    });
    const alike = pair([...rowsOf('a', [third, third, third]), ...rowsOf('b', [third, third, third])]);
    expect([alike.finding, alike.a.sd]).to.eql([{ kind: 'flat', difference: 0 }, 0]);
    const all = (git: number) => ({ categories: { git } });
    const { categories } = pair([...rowsOf('a', [50, 60, 55], all(100)), ...rowsOf('b', [40, 41, 42], all(67))]);
    expect(categories.map(({ p }) => p)).to.eql([null]);
    expect(pair([...rowsOf('a', [51]), ...rowsOf('b', [50, 50, 50])]).finding.kind).to.equal('nothing');
  });

  it('tells no difference where the runs of both sides were measured in several ways', () => {
    const mixed = (phase: string, scores: readonly [number, number]): Row[] =>
      rowsOf(phase, scores).map((row, at) => ({ ...row, eval_identity: `${at}`.repeat(64) }));
    const { alike, finding, spread } = pair([...mixed('a', [50, 55]), ...mixed('b', [40, 41])]);
    expect([alike, finding.kind, spread]).to.eql([false, 'nothing', null]);
  });

  it('says when two phases were not measured alike', () => {
    expect(pair([...rowsOf('a', [50]), ...rowsOf('b', [40])]).alike).to.equal(true);
    const other = { eval_identity: 'f'.repeat(64) };
    expect(pair([...rowsOf('a', [50]), ...rowsOf('b', [40], other)]).alike).to.equal(false);
  });

  it('tests categories from three runs a side, by Holm, and counts prompts below', () => {
    const prompts = new Map([
      ['a-s0', points(1, 1, 0)],
      ['b-s0', points(0, 1, 1)],
    ]);
    const few = pair([...rowsOf('a', [60]), ...rowsOf('b', [60])], prompts).categories;
    expect(few.map(({ name, fixed, regressed, same, p }) => [name, fixed, regressed, same, p])).to.eql([
      ['domain', 0, 1, 1, null],
      ['git', 1, 0, 0, null],
    ]);
    const categories = (domain: number, git: number) => ({ categories: { domain, git } });
    const runs = (phase: string, figures: readonly (readonly [number, number])[]) =>
      figures.flatMap(([domain, git], seed) => [
        makeRow({ phase, run: `${phase}-s${seed}`, seed, ...categories(domain, git) }),
      ]);
    const many = pair([
      ...runs('a', [
        [50, 90],
        [52, 92],
        [51, 88],
      ]),
      ...runs('b', [
        [50, 10],
        [51, 12],
        [52, 8],
      ]),
    ]).categories;
    expect(many.map(({ p }) => p !== null && p < 0.05)).to.eql([false, true]);
  });
});

describe('prompts', () => {
  const prompts = new Map([
    ['a-s0', points(1, 0, 0, 0.5)],
    ['a-s1', points(0, 0, 0, 0.5)],
    ['a-s2', points(0, 0, 1, 0.5)],
  ]);
  const group = one(rowsOf('a', [40, 10, 40]), prompts).group;

  it('tells those that all runs miss, and those that one alone gets', () => {
    const { missedByAll, onlyOne } = tellingPrompts(promptTable(group));
    expect(missedByAll).to.eql(['p1']);
    expect([...onlyOne]).to.eql([
      ['a-s0', ['p0']],
      ['a-s2', ['p2']],
    ]);
  });

  it('counts the wrapper around the wrong function as missed, however often it was asked', () => {
    const wrong = { id: 'p1', score: 0.1, strict: 0.1, mode: 'wrong_tool' as const };
    const scores = [...points(1), ...[0, 1, 2].map((repeat) => ({ ...wrong, repeat }))];
    const wrapped = one(rowsOf('a', [40]), new Map([['a-s0', scores]])).group;
    expect(tellingPrompts(promptTable(wrapped)).missedByAll).to.eql(['p1']);
    expect(tellingAnswer([wrapped])).to.eql({ run: 'a-s0', prompt: 'p1', repeat: 0, mode: 'wrong_tool' });
  });

  it('are missed by the scorer of the gate', () => {
    const scores = [{ id: 'p0', repeat: 0, score: 0.5, strict: 0, mode: 'prose' as const }];
    const strictly = one(rowsOf('a', [50], { score_by: 'strict' }), new Map([['a-s0', scores]])).group;
    expect(tellingPrompts(promptTable(strictly)).missedByAll).to.eql(['p0']);
    expect(tellingAnswer([strictly])).to.eql({ run: 'a-s0', prompt: 'p0', repeat: 0, mode: 'prose' });
  });

  it('takes the mean of repeats, and leaves out prompts that a run was not asked', () => {
    const repeated = new Map([
      ['a-s0', [...points(1), { id: 'p0', repeat: 1, score: 0, strict: 0, mode: 'prose' as const }]],
      ['a-s1', points(1, 1)],
    ]);
    const table = promptTable(one(rowsOf('a', [50, 50]), repeated).group);
    expect([table.ids, table.points]).to.eql([['p0'], [[0.5], [1]]]);
  });

  it('are fixed, regressed or the same, a against b', () => {
    const other = one(rowsOf('b', [50]), new Map([['b-s0', points(0, 1, 1 / 3, 0.5)]])).group;
    const { fixed, regressed, same } = promptChanges(promptTable(group), promptTable(other));
    expect([fixed, regressed, same]).to.eql([['p0'], ['p1'], 2]);
  });

  it('quotes the way of answering that failed most often', () => {
    expect(tellingAnswer([group])).to.eql({ run: 'a-s0', prompt: 'p1', repeat: 0, mode: 'prose' });
  });
});

describe('pairsOf', () => {
  const names = (rows: readonly Row[]) => pairsOf(summaries(rows)).map((two) => two.map(({ group }) => group.name));

  it('sets a phase against the next one, a variant against its plain runs', () => {
    const variant = makeRow({ phase: 'a', run: 'a-s0-q4', variant: 'q4', overall: 20 });
    const rows = [...rowsOf('a', [50]), variant, ...rowsOf('b', [40]), ...rowsOf('c', [30])];
    expect(names(rows)).to.eql([
      ['a', 'b'],
      ['b', 'c'],
      ['a q4', 'a'],
    ]);
  });

  it('sets a phase against the baseline that it names, once', () => {
    const baseline = { name: 'A', overall: 50, categories: {} };
    expect(names([...rowsOf('a', [50]), ...rowsOf('b', [40]), ...rowsOf('c', [30], { baseline })])).to.eql([
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'a'],
    ]);
  });

  it('leaves out what has no score', () => {
    expect(names([...rowsOf('a', [50]), ...rowsOf('b', [1], { overall: null, status: 'failed' })])).to.eql([]);
  });
});
