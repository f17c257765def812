import { expect } from 'chai';
import { scoreAnswer, scoreSuite } from '../../../src/core/score/score.ts';
import type { Answer, Prompt } from '../../../src/events/suite.ts';
import { answerOf, completion, hermes, native, promptOf, said, suiteOf, xml } from '../../helpers/answers.ts';

const triple = (answer: Answer, prompt: Partial<Prompt> = {}): [number, number, string] => {
  const { score, strict, mode } = scoreAnswer(promptOf(prompt), 'execute_code', answer);
  return [score, strict, mode];
};

describe('the points of one answer', () => {
  it('any: 1 with an expected name in the wrapper, 0.1 without', () => {
    expect(triple(said(xml('execute_code', 'read_file("a")')))).to.deep.equal([1, 1, 'wrapped']);
    expect(triple(said(xml('execute_code', 'write_file("a")')))).to.deep.equal([0.1, 0.1, 'wrong_tool']);
    expect(triple(said(`read_file! ${xml('execute_code', 'x = 1')}`))).to.deep.equal([0.1, 0.1, 'wrong_tool']);
    expect(triple(native(['execute_code', '{"code": "read_file()"}']))).to.deep.equal([1, 1, 'wrapped']);
    expect(triple(said(hermes('execute_code', { code: 'read_file()' })))).to.deep.equal([1, 1, 'wrapped']);
  });

  it('strict: a name counts only as a whole identifier', () => {
    expect(triple(said(xml('execute_code', 'read_files()')))).to.deep.equal([1, 0.1, 'wrapped']);
    expect(triple(said(xml('execute_code', 'my_read_file()')))).to.deep.equal([1, 0.1, 'wrapped']);
    expect(triple(said(xml('execute_code', 'éread_file()')))).to.deep.equal([1, 0.1, 'wrapped']);
    expect(triple(said(xml('execute_code', 'tools.read_file()')))).to.deep.equal([1, 1, 'wrapped']);
    expect(triple(said(xml('execute_code', 'Read_File()')))).to.deep.equal([0.1, 0.1, 'wrong_tool']);
    expect(triple(said(xml('execute_code', 'a+b(c)')), { expect: ['a+b(c'] })).to.deep.equal([1, 1, 'wrapped']);
  });

  it('no wrapper: 0.5 for a name anywhere; strict only for an expected call', () => {
    expect(triple(said(xml('read_file', 'a')))).to.deep.equal([0.5, 0.5, 'direct_call']);
    expect(triple(native(['read_file', '{"path": "a"}']))).to.deep.equal([0.5, 0.5, 'direct_call']);
    expect(triple(said(xml('other', 'read_file()')))).to.deep.equal([0.5, 0, 'wrong_tool']);
    expect(triple(native(['other', '{"x": "read_file()"}']))).to.deep.equal([0.5, 0, 'wrong_tool']);
    expect(triple(said('You can use read_file for that.'))).to.deep.equal([0.5, 0, 'prose']);
    expect(triple(said('I cannot.'))).to.deep.equal([0, 0, 'prose']);
    expect(triple(native(['other', '{}'], ['execute_code', '{"code": "read_file()"}']))).to.deep.equal([
      0.5,
      0,
      'wrong_tool',
    ]);
  });

  it('all: the share of the names, 0.1 more for the wrapper; strict without it: half the share of those called', () => {
    const all: Partial<Prompt> = { match: 'all', expect: ['read_file', 'lint', 'commit'] };
    expect(triple(said(xml('execute_code', 'read_file(); lint(); commit()')), all)).to.deep.equal([1, 1, 'wrapped']);
    expect(triple(said(xml('execute_code', 'read_file()')), all)).to.deep.equal([1 / 3 + 0.1, 1 / 3 + 0.1, 'wrapped']);
    expect(triple(said(xml('execute_code', 'x')), all)).to.deep.equal([0.1, 0.1, 'wrong_tool']);
    expect(triple(said(`${xml('lint', '')}${xml('commit', '')} read_file`), all)).to.deep.equal([
      1,
      1 / 3,
      'direct_call',
    ]);
    expect(triple(said('read_file, lint'), all)).to.deep.equal([2 / 3, 0, 'prose']);
  });

  it('never searches thoughts', () => {
    expect(triple(answerOf(completion({ reasoning: 'read_file' })))).to.deep.equal([0, 0, 'thinking']);
    expect(triple(said(`<think>${xml('execute_code', 'read_file()')}`))).to.deep.equal([0, 0, 'thinking']);
    expect(triple(said(`<think>read_file</think>${xml('execute_code', 'lint()')}`))).to.deep.equal([
      0.1,
      0.1,
      'wrong_tool',
    ]);
    expect(triple(said('<think>read_file'))).to.deep.equal([0, 0, 'thinking']);
  });

  it('tells the mode, the first that holds', () => {
    expect(triple(answerOf(null, { error: 'TIMEOUT' }))[2]).to.equal('timeout');
    expect(triple(answerOf(null, { error: 'HTTP 400: too long' }))).to.deep.equal([0, 0, 'error']);
    expect(triple(answerOf(completion({ content: 'read_file' }), { error: 'TIMEOUT' }))).to.deep.equal([
      0,
      0,
      'timeout',
    ]);
    expect(triple(answerOf(null))).to.deep.equal([0, 0, 'error']);
    expect(triple(said('', 'length'))[2]).to.equal('empty');
    expect(triple(said('read_file is', 'length'))).to.deep.equal([0.5, 0, 'cut']);
    expect(triple(said('<think>so', 'length'))[2]).to.equal('cut');
    expect(triple(said('<function=execute_code><parameter=code>read_file(', 'length'))).to.deep.equal([
      1,
      1,
      'wrapped',
    ]);
    expect(triple(said('<function=execute_code><parameter=code>x =', 'length'))[2]).to.equal('wrong_tool');
    expect(triple(said('<function=read_fi', 'length'))[2]).to.equal('cut');
  });
});

describe('the score of a suite', () => {
  const suite = suiteOf([{ category: 'git' }, { category: 'git' }, { category: 'lsp' }]);
  const right = xml('execute_code', 'read_file()');
  const at = (prompt: string, repeat: number, text: string): Answer => ({ ...said(text), prompt, repeat });

  it('is the mean over prompts, a prompt the mean of its repeats', () => {
    const answers = [
      at('p0', 0, right),
      at('p0', 1, 'no'),
      at('p1', 0, 'read_file'),
      at('p1', 1, 'read_file'),
      at('p2', 0, right),
      at('p2', 1, right),
    ];
    const scored = scoreSuite(suite, answers);
    if (!scored.ok) throw new Error('not scored');
    expect(scored.score).to.deep.include({
      overall: 100 * ((0.5 + 0.5 + 1) / 3),
      strict: 50,
      categories: { git: 50, lsp: 100 },
      strict_categories: { git: 25, lsp: 100 },
    });
    expect(scored.score.modes).to.include({ wrapped: 3, prose: 3, timeout: 0 });
    expect(scored.score.category_modes?.git).to.deep.equal({ ...scored.score.modes, wrapped: 1, prose: 3 });
    expect(scored.score.category_modes?.lsp).to.deep.equal({ ...scored.score.modes, wrapped: 2, prose: 0 });
    expect(scored.score.prompts[1]).to.deep.equal({ id: 'p0', repeat: 1, score: 0, strict: 0, mode: 'prose' });
  });

  it('counts the last line of a place, and only with a line for every place', () => {
    const answers = [at('p0', 0, 'no'), at('p1', 0, right), at('p2', 0, right), at('p0', 0, right)];
    const scored = scoreSuite(suite, answers);
    expect(scored.ok && scored.score.overall).to.equal(100);
    expect(scoreSuite(suite, answers, 2)).to.deep.equal({
      ok: false,
      unknown: [],
      missing: [
        { prompt: 'p0', repeat: 1 },
        { prompt: 'p1', repeat: 1 },
        { prompt: 'p2', repeat: 1 },
      ],
    });
    expect(scoreSuite(suite, [])).to.have.property('ok', false);
    expect(scoreSuite(suite, [...answers, at('zz', 0, '')])).to.deep.include({ ok: false, unknown: ['zz'] });
    expect(scoreSuite(suite, [at('p0', 1e9, right)])).to.have.property('ok', false);
  });

  it("gives the user's 43a figures", () => {
    const points: Record<string, number[]> = {
      text_tools: [0.5, 0.5, 0.5],
      validation: [0.5, 0.5, 0.5],
      lsp: [0.5, 0.5, 0.5, 0.5, 0.5],
      git: [0.5, 0.5, 0],
      cst: [0, 0.5, 0],
      domain: [0.5, 0.5, 0.5, 0.5, 0.5, 0, 0, 0, 0],
      multi_tool: [1],
    };
    const text: Record<number, string> = { 0: 'no', 0.5: xml('read_file', 'a'), 1: right };
    const flat = Object.entries(points).flatMap(([category, scores]) => scores.map((score) => ({ category, score })));
    const scored = scoreSuite(
      suiteOf(flat.map(({ category }) => ({ category }))),
      flat.map(({ score }, index) => at(`p${index}`, 0, text[score] ?? '')),
    );
    if (!scored.ok) throw new Error('not scored');
    const rounded = Object.entries(scored.score.categories).map(([name, value]) => [name, value.toFixed(1)]);
    expect(scored.score.overall.toFixed(1)).to.equal('38.9');
    expect(Object.fromEntries(rounded)).to.deep.equal({
      text_tools: '50.0',
      validation: '50.0',
      lsp: '50.0',
      git: '33.3',
      cst: '16.7',
      domain: '27.8',
      multi_tool: '100.0',
    });
  });
});
