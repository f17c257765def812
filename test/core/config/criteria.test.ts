import { expect } from 'chai';
import fc from 'fast-check';
import { type CriteriaValues, checkCriteria, judge } from '../../../src/core/config/criteria.ts';
import { type Criteria, criteria } from '../../../src/events/phase.ts';

const names = { categories: ['domain', 'multi_tool', 'git'], baselineCategories: ['domain', 'multi_tool'] };

const values: CriteriaValues = {
  overall: 82.4,
  strict: 80.6,
  categories: { domain: 60, multi_tool: 35, git: 100 },
  modes: { wrapped: 92.6, direct_call: 7.4, prose: 0 },
  baseline: { overall: 82.4, domain: 60, multi_tool: null },
  base: { overall: 31.5, strict: 20 },
  metrics: { val_loss: 0.21, train_loss: 0.1, train_seconds: 2520, temp_peak_gb: 20 },
  why: {},
};

/** [when, then] pairs; null = always. Parsed from JSON, since a `then` property in source reads as a promise. */
const outcomesOf = (...pairs: readonly (readonly [string | null, string])[]) =>
  criteria.parse({
    outcomes: pairs.map(([when, result]) => Object.fromEntries([...(when ? [['when', when]] : []), ['then', result]])),
  }).outcomes;

const gate = (text: string): Criteria => ({ gate: text, outcomes: [] });
const faults = (text: string) => checkCriteria(gate(text), names).map(({ message }) => message);
const verdict = (text: string, changed: Partial<CriteriaValues> = {}) => judge(gate(text), { ...values, ...changed });

describe('checkCriteria', () => {
  for (const text of [
    'overall >= 82.4 && (domain > 60 || multi_tool > 35)',
    'overall - baseline.overall > 5',
    '5 < overall - strict',
    'modes.thinking < 10 && modes.direct_call + modes.prose <= 5',
    'base.git < git && base.strict < strict',
    'metrics.val_loss < 1 && metrics.train_seconds < 3600 && metrics.temp_peak_gb < 77',
    'overall == 82 || overall in [23, 24.5]',
    '[domain, git].all(x, x > 50)',
    '[domain, git][0] > 50',
    'size([domain, git]) - 1 > 0',
    'has(baseline.domain) ? overall > baseline.domain : overall > 60',
    '(overall > 80 ? 1 : 0) == 1',
    'true',
    'overall > 0x10 && -5 < overall && overall > 1e1',
    '"23" == "23" && overall > 1 // with a word about 23',
    "baseline['overall'] > 3",
  ])
    it(`takes ${text}`, () => expect(faults(text)).to.deep.equal([]));

  it('takes a formula of several lines', () => expect(faults('overall > 3\n  && domain > 4\n')).to.deep.equal([]));

  it('names an unknown name, its place, what was perhaps meant, and all there is', () => {
    expect(faults('overall >= 23 && domian > 60')).to.deep.equal([
      '`overall >= 23 && domian > 60`: nothing is called domian (column 18). Did you mean domain? Available names: overall, ' +
        'strict, domain, multi_tool, git, modes.{timeout, error, empty, wrapped, wrong_tool, direct_call, cut, ' +
        'thinking, prose}, metrics.{val_loss, train_loss, train_seconds, temp_peak_gb}, ' +
        'base.{overall, strict, domain, multi_tool, git}, baseline.{overall, domain, multi_tool}',
    ]);
    expect(faults('baseline.overal > 3')[0]).to.contain('nothing is called baseline.overal (column 10). Did you mean');
    expect(faults('baseline.git > 3')[0]).to.contain('nothing is called baseline.git');
    expect(faults('modes.thnking > 3')[0]).to.contain('Did you mean modes.thinking?');
    expect(faults('metrics.loss > 3')[0]).to.contain('nothing is called metrics.loss');
    expect(faults('zzz > 3')[0]).to.not.contain('Did you mean');
  });

  it('names every unknown name of a formula, each once', () => {
    const found = faults('overal >= 65 && (domian > 3 || modes.thnking > overal) && baseline.gti < 3');
    expect(found.map((text) => /nothing is called (\S+ \(column \d+\))/.exec(text)?.[1])).to.deep.equal([
      'overal (column 1)',
      'domian (column 18)',
      'modes.thnking (column 38)',
      'baseline.gti (column 68)',
    ]);
  });

  it('lists the names that there are once for all formulas', () => {
    const given = { gate: 'overal > 3 && zzz > 1', outcomes: outcomesOf(['stric > 1', 'x'], [null, 'y']) };
    const found = checkCriteria(given, names).map(({ message }) => message);
    expect(found.map((message) => message.includes('Available names: overall, strict'))).to.eql([true, false, false]);
    expect(found[2]).to.equal('`stric > 1`: nothing is called stric (column 1). Did you mean strict?');
  });

  it('counts lines and columns in the formula as it was written', () => {
    expect(faults('overall > 3 &&\n  domian > 4')[0]).to.contain('(line 2, column 3)');
    expect(faults('overall > 1 && strict > 2 && git > 33 && x > 1')[0]).to.contain('(column 42)');
  });

  it('says that there is no baseline', () => {
    const found = checkCriteria(gate('overall > baseline.overall'), { ...names, baselineCategories: null });
    expect(found.map(({ message }) => message)).to.deep.equal([
      '`overall > baseline.overall`: baseline (column 11) is used, but the phase has no baseline: add one',
    ]);
  });

  it('refuses what is neither true nor false, with the path', () => {
    const given: Criteria = {
      gate: 'overall',
      outcomes: outcomesOf([null, 'x'], ['"yes"', 'y'], ['overall > 1', 'z']),
    };
    expect(checkCriteria(given, names)).to.deep.equal([
      {
        path: ['gate'],
        message: '`overall`: must be true or false, a comparison such as overall >= 80; this is a double',
      },
      {
        path: ['outcomes', 1, 'when'],
        message: '`"yes"`: must be true or false, a comparison such as overall >= 80; this is a string',
      },
    ]);
  });

  it('spares what may be a category where the suite cannot be read, and tells the rest', () => {
    const unread = { categories: null, baselineCategories: [] };
    const found = (text: string) => checkCriteria(gate(text), unread).map(({ message }) => message);
    expect(found('dom > 60 && base.git < git && baseline.dom < 1')).to.deep.equal([]);
    expect(found('dom > 60 && modes.thinkin < 1 && metrics.loss < 1')).to.have.length(2);
    expect(found('dom >')).to.have.length(1);
    expect(found('dom + 1')).to.have.length(1);
    expect(checkCriteria(gate('baseline.dom > 1'), { ...unread, baselineCategories: null })).to.have.length(1);
  });

  for (const [text, hint] of [
    ['overall > 3 and domain > 4', 'write && for "and"'],
    ['overall > 3 or domain > 4', 'write || for "or"'],
    ['overall = 3', 'write == to compare'],
    ['overall > = 3', 'write >='],
    ['overall < = 3', 'write <='],
    ['overall = = 3', 'write =='],
    ['overall ! = 3', 'write !='],
    ['overall => 3', 'write >='],
    ['overall =< 3', 'write <='],
    ['overall === 3', 'write =='],
    ['overall <> 3', 'write !='],
    ['overall > 3 & & domain > 4', 'write &&'],
    ['overall > 3 | domain > 4', 'write ||'],
    ['overall >=\u00a03', 'there is a non-breaking space'],
    ['overall ≥ 3', 'write >='],
    ['overall > 82,4', 'write a decimal point, not a comma'],
    ['overall > 82%', 'leave out %'],
    ['overall > 3 && (', 'column 17'],
    ['', 'column 1'],
    ['overall > "80"', 'these do not go together: double > string'],
    ['baseline > 3', 'these do not go together: baseline > double'],
    ['overall > 3 && "', 'Unterminated string'],
  ] as const)
    it(`explains ${text}`, () => expect(faults(text)[0]).to.contain(hint));

  it('says that a word of CEL cannot be a name there, and stays on its feet with odd categories', () => {
    const odd = { categories: ['type', 'for', 'constructor', 'string', 'in'], baselineCategories: ['constructor'] };
    expect(checkCriteria(gate('overall > 3'), odd)).to.deep.equal([]);
    expect(checkCriteria(gate('for > 3'), odd)[0]?.message).to.contain('also a word of CEL');
    expect(checkCriteria(gate('constructor > 3'), odd)).to.have.length(1);
  });

  it('never throws', () => {
    const word = fc.constantFrom(
      'overall',
      'domain',
      '23',
      '(',
      ')',
      '&&',
      '>',
      '.',
      '"',
      "'",
      '[',
      '1.5',
      '{',
      ',',
      '?',
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(word).map((words) => words.join(' ')),
    );
    fc.assert(
      fc.property(text, (formula) => {
        judge(gate(formula), values);
        faults(formula);
      }),
    );
  });
});

describe('judge', () => {
  it('reads the gate of 43a', () => {
    const text = 'overall >= 82.4 && (domain > 60 || multi_tool > 35)';
    expect(verdict(text)).to.deep.equal({ verdict: 'fail', outcome: null, reason: null });
    expect(verdict(text, { categories: { domain: 61, multi_tool: 0 } }).verdict).to.equal('pass');
  });

  it('reads whole numbers as doubles: division does not cut off', () => {
    expect(verdict('overall > 165 / 2', { overall: 82.4 }).verdict).to.equal('fail');
    expect(verdict('overall > 165 / 2', { overall: 82.6 }).verdict).to.equal('pass');
    expect(verdict('overall - 2 == 80', { overall: 82 }).verdict).to.equal('pass');
    expect(verdict('[overall, 5][1] == 5 && size([1, 2]) - 1 == 1.0').verdict).to.equal('pass');
    expect(verdict('"a23".substring(1) == "23"').verdict).to.equal('pass');
  });

  it('is not fooled by the last digits of a sum of floats', () => {
    const domain = ((0.1 + 0.2 + 0.3) / 1) * 100;
    expect(domain).to.be.greaterThan(60);
    expect(verdict('domain > 60', { categories: { domain } }).verdict).to.equal('fail');
    expect(
      verdict('domain >= 60', { categories: { domain: (100 * (1.1 + 2.2 + 2.7)) / 10 - 1e-13 } }).verdict,
    ).to.equal('pass');
  });

  it('takes the first outcome that holds', () => {
    const outcomes = outcomesOf(
      ['overall >= 80', 'confirmed'],
      ['overall < 23', 'structural, strong evidence'],
      ['overall < 50', 'structural'],
      [null, 'ambiguous'],
    );
    const outcome = (overall: number) => judge({ outcomes }, { ...values, overall }).outcome;
    expect([80, 79.99, 50, 49.9, 23, 22.99, 18.5].map(outcome)).to.deep.equal([
      'confirmed',
      'ambiguous',
      'ambiguous',
      'structural',
      'structural',
      'structural, strong evidence',
      'structural, strong evidence',
    ]);
    expect(judge({ outcomes: outcomes.slice(0, 1) }, { ...values, overall: 3 })).to.deep.equal({
      verdict: null,
      outcome: null,
      reason: null,
    });
  });

  it('is null, with the name and why, where an unknown value decides', () => {
    const why = { baseline: 'baseline has no rows' };
    expect(verdict('overall > baseline.overall', { baseline: {}, why })).to.deep.equal({
      verdict: null,
      outcome: null,
      reason: '`overall > baseline.overall` cannot be evaluated: baseline.overall (baseline has no rows) not known',
    });
    expect(verdict('overall > 3 && baseline.multi_tool > 3').reason).to.contain('baseline.multi_tool not known');
    expect(verdict('git > 3 && lsp > 3').reason).to.contain(': lsp not known');
    expect(verdict('overall > 3', { overall: null }).reason).to.contain(': overall not known');
    expect(verdict('[lsp].exists(x, x > 3.0)').reason).to.equal(
      '`[lsp].exists(x, x > 3.0)` cannot be evaluated: lsp not known',
    );
  });

  it('lets && and || absorb an unknown value that does not matter', () => {
    const absent = { baseline: {}, overall: 95 };
    for (const text of ['overall >= 90 || baseline.overall > 3', 'baseline.overall > 3 || overall >= 90'])
      expect(verdict(text, absent)).to.deep.equal({ verdict: 'pass', outcome: null, reason: null });
    expect(verdict('baseline.overall > 3 && overall < 90', absent).verdict).to.equal('fail');
    expect(verdict('has(baseline.overall) || overall > 90', absent).verdict).to.equal('pass');
  });

  it('stops at an unknown outcome: the first that holds is then unknown', () => {
    const outcomes = outcomesOf(['overall > baseline.multi_tool', 'better'], [null, 'worse']);
    const judged = judge({ gate: 'overall > 80', outcomes }, values);
    expect(judged.verdict).to.equal('pass');
    expect(judged.outcome).to.equal(null);
    expect(judged.reason).to.contain('baseline.multi_tool not known');
  });

  it('agrees with JavaScript on random comparisons', () => {
    const number = fc.oneof(
      fc.integer({ min: 0, max: 100 }),
      fc.double({ min: 0, max: 100, noNaN: true }).map((n) => Math.round(n * 10) / 10),
    );
    fc.assert(
      fc.property(number, number, number, (overall, limit, other) => {
        const expected = overall >= limit && (overall - other > 5 || other < limit / 2);
        const text = `overall >= ${limit} && (overall - ${other} > 5 || ${other} < ${limit} / 2)`;
        expect(verdict(text, { overall }).verdict).to.equal(expected ? 'pass' : 'fail');
      }),
    );
  });
});
