import { expect } from 'chai';
import { judge } from '../../../src/core/config/criteria.ts';
import { renderComparison } from '../../../src/core/page/report.ts';
import { figuresOf } from '../../../src/core/run/figures.ts';
import { scoreSuite } from '../../../src/core/score/score.ts';
import { criteria } from '../../../src/events/phase.ts';
import { answerOf, completion, suiteOf, xml } from '../../helpers/answers.ts';
import { makeRow } from '../../helpers/rows.ts';

/** The user's 43a: 27 answers, of which one wraps a call, 19 call a tool directly and 7 only think. */
const points: Readonly<Record<string, readonly number[]>> = {
  text_tools: [0.5, 0.5, 0.5],
  validation: [0.5, 0.5, 0.5],
  lsp: [0.5, 0.5, 0.5, 0.5, 0.5],
  git: [0.5, 0.5, 0],
  cst: [0, 0.5, 0],
  domain: [0.5, 0.5, 0.5, 0.5, 0.5, 0, 0, 0, 0],
  multi_tool: [1],
};
const said: Readonly<Record<number, string>> = {
  0: '<think>Okay, the user wants me to check the file',
  0.5: xml('read_file', 'a.py'),
  1: xml('execute_code', 'read_file("a.py")'),
};

describe('43a as it was, against the figures of 33b', () => {
  const asked = Object.entries(points).flatMap(([category, scores]) => scores.map((score) => ({ category, score })));
  const scored = scoreSuite(
    suiteOf(asked.map(({ category }) => ({ category }))),
    asked.map(({ score }, index) => answerOf(completion({ content: said[score] }), { prompt: `p${index}` })),
  );
  if (!scored.ok) throw new Error('not scored');
  const { overall, strict, categories, strict_categories, modes, prompts } = scored.score;
  const gate = criteria.parse({ gate: 'overall >= 82.4 && (domain > 60 || multi_tool > 35)' });
  const baseline = { name: '33b', overall: 82.4, categories: { domain: 60, multi_tool: 35 }, comparable: null };
  const facts = makeRow({ overall, strict, categories, strict_categories, modes, baseline });
  const { verdict, outcome } = judge(gate, figuresOf(facts));
  const page = renderComparison({
    rows: [{ ...facts, verdict, outcome }],
    phases: [
      {
        phase: '43a',
        title: null,
        hypothesis: null,
        criteria: gate,
        accepted: '2026-11-20T22:14:00.000Z',
        runs: ['43a-s0'],
      },
    ],
    prompts: new Map([['43a-s0', prompts]]),
    categoryOf: (id) => asked[Number(id.slice(1))]?.category ?? null,
    quote: null,
    answers: new Set(),
    plots: [],
    damaged: [],
    missing: [],
  });

  it('scores 38.9 and fails its gate, and nothing is said of another seed', () => {
    expect(page).to.contain('**43a fails its gate** with an overall score of 38.9 (1 run).');
    expect(page).to.contain('With only one done run, the variance between runs cannot be estimated.');
    expect(page).to.contain('| not known: only one run | 29-50 |');
    expect(page).to.contain('| **43a-s0** | done | 38.9 (38.9) | 50.0 | 50.0 | 50.0 | 33.3 | 16.7 | 27.8 | 100.0 |');
    expect(page).to.contain('19 direct_call');
    expect(page).to.not.match(/undecided|(seeds|runs) (pass|fail)/);
  });

  it('has 33b next to it as a single score', () => {
    expect(page).to.match(/\| 33b, reference of 43a \| – \| 82\.4 \|.* a single score/);
  });

  it('names the prompts that scored nothing', () => {
    expect(page).to.contain('- Prompts that 43a-s0 misses: p13, p14, p16, p22, p23, p24 and p25.');
  });
});
