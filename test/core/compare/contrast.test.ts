import { expect } from 'chai';
import { contrast } from '../../../src/core/compare/contrast.ts';
import { findingText, findingWords } from '../../../src/core/page/report-words.ts';
import type { Row } from '../../../src/events/row.ts';
import type { PromptScores } from '../../../src/events/score.ts';
import { points, rowsOf, summaries } from '../../helpers/compared.ts';
import { makeRow, noCustody } from '../../helpers/rows.ts';

const adapterOf = (adapter: string): Partial<Row> => ({ custody: { ...noCustody, adapter } });

const pair = (rows: readonly Row[], prompts?: ReadonlyMap<string, PromptScores>) => {
  const all = summaries(rows, prompts);
  const [a, b] = all;
  if (a === undefined || b === undefined) throw new Error('no two groups');
  return contrast([a, b], all, (id) => (id === 'p0' ? 'git' : 'domain'));
};

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
    expect(finding.shared).to.eql({ pairs: 3, unpaired: 0 });
    expect(finding.difference).to.be.closeTo(-12.1, 0.01);
    expect(finding.p).to.be.below(0.05);
    expect(contrast([second, first], all, () => null).finding)
      .to.have.property('difference')
      .above(12);
    expect(spread?.from).to.eql(['a', 'a q4']);
    const [plainOnly, oneLess] = summaries([...plain, ...q4.slice(1)]);
    if (plainOnly === undefined || oneLess === undefined) throw new Error('no two groups');
    const short = contrast([plainOnly, oneLess], [plainOnly, oneLess], () => null).finding;
    expect(short).to.deep.include({ kind: 'pairs', shared: { pairs: 2, unpaired: 1 } });
    expect(findingText(short, { a: 'a', b: 'a q4' })).to.match(
      /\(t test over 2 pairs .*\)\. 1 run without a pair is left out\.$/,
    );
    const even = q4.slice(0, 2).map((row, at) => ({ ...row, overall: (plain[at]?.overall ?? 0) - 10 }));
    const flat = pair([...plain, ...even]).finding;
    expect(findingWords(flat, { a: 'a', b: 'a q4' })).to.contain(
      '10.0 points more than a q4 in each of 2 pairs of runs',
    );
    expect(findingText(flat, { a: 'a', b: 'a q4' })).to.match(
      /^All pairs have the same difference, .* 1 run without a pair is left out\.$/,
    );
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

  it('compares and pools runs of 0.1.0 with later ones, and says what they did not record', () => {
    const exam = 'e'.repeat(64);
    const later = { eval_identity: 'f'.repeat(64), eval_parts: { exam, prompts: 'p' } };
    const { alike, measured, spread } = pair([...rowsOf('a', [50, 60]), ...rowsOf('b', [40, 52], later)]);
    expect([alike, spread?.from]).to.eql([true, ['a', 'b']]);
    expect(measured.unrecorded).to.eql([{ part: 'prompts', runs: ['a-s0', 'a-s1'] }]);
    const other = { ...later, eval_parts: { exam, prompts: 'q' } };
    const unlike = pair([...rowsOf('a', [50, 60], later), ...rowsOf('b', [40, 52], other)]);
    expect([unlike.alike, unlike.measured.differ]).to.eql([false, ['prompts']]);
    const models = pair([...rowsOf('a', [50, 60], later), ...rowsOf('b', [40, 52], { ...other, model: 'another' })]);
    expect(models.alike, 'each base model has a template of its own').to.equal(true);
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
      shared: null,
    });
    const alike = pair([...rowsOf('a', [third, third, third]), ...rowsOf('b', [third, third, third])]);
    expect([alike.finding, alike.a.sd]).to.eql([{ kind: 'flat', difference: 0, shared: null }, 0]);
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
