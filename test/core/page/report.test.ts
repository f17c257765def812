import { readFile, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import type { PhaseOnPage } from '../../../src/core/compare/groups.ts';
import { renderComparison } from '../../../src/core/page/report.ts';
import { criteria } from '../../../src/events/phase.ts';
import type { Row } from '../../../src/events/row.ts';
import { night, nightPhases } from '../../helpers/night.ts';
import { makeRow, modeCounts, noCustody } from '../../helpers/rows.ts';

const golden = new URL('../../fixtures/comparison.md', import.meta.url);

const phase = (changed: Partial<PhaseOnPage> = {}): PhaseOnPage => ({
  phase: '43a',
  title: null,
  hypothesis: null,
  criteria: criteria.parse({ gate: 'overall >= 60' }),
  accepted: '2026-11-21T22:14:05.000Z',
  runs: ['43a-s0', '43a-s1', '43a-s2'],
  ...changed,
});

const bare = {
  prompts: new Map(),
  categoryOf: () => null,
  quote: null,
  plots: [],
  missing: [],
  answers: new Set<string>(),
};
const page = (rows: readonly Row[], phases: readonly PhaseOnPage[] = [phase()], damaged: readonly string[] = []) =>
  renderComparison({ ...bare, rows, phases, damaged });

const run = (seed: number, changed: Partial<Row> = {}) => makeRow({ run: `43a-s${seed}`, seed, ...changed });
const failed = (seed: number, changed: Partial<NonNullable<Row['error']>> = {}) =>
  run(seed, {
    status: 'failed',
    overall: null,
    strict: null,
    categories: null,
    modes: null,
    error: { code: 'GPU_FAULT', message: 'The GPU timed out', stage: 'fuse', attempt: 4, log: [], ...changed },
  });

describe('renderComparison', () => {
  it('names the runs whose folder was deleted before they finished, also next to failed ones', () => {
    const line = '- 43a-s1: its run folder was deleted before it finished. Submit its config again to run it.';
    const made = { ...bare, phases: [phase()], damaged: [], missing: ['43a-s1'] };
    expect(renderComparison({ ...made, rows: [] })).to.contain(`## Failed and cancelled\n\n${line}`);
    expect(renderComparison({ ...made, rows: [failed(0)] })).to.match(new RegExp(`### 43a-s0[^]+${line}`));
  });

  it('is the page of the night, as the golden file has it', async () => {
    const made = renderComparison({
      ...bare,
      rows: night,
      phases: nightPhases,
      answers: new Set(['43a', '43b']),
      damaged: [],
    });
    if (process.env.UPDATE_GOLDEN === '1') await writeFile(golden, made);
    expect(made).to.equal(await readFile(golden, 'utf8'));
  });

  it('says so when there is nothing yet', () => {
    expect(page([], [])).to.equal('# Comparison: no run is finished yet\n');
    expect(page([])).to.contain('- **43a has no verdict: no run is done (3 of 3 runs not finished yet).**');
  });

  it('judges a phase by the mean of its done runs, and says how many failed', () => {
    const made = page([run(0, { overall: 90, verdict: 'pass' }), run(1, { overall: 40, verdict: 'fail' }), failed(2)]);
    expect(made).to.contain(
      '- **43a passes its gate on average, but only 1 of 2 seeds passes, so the verdict is undecided**. Its overall score is 65.0 (mean of 2 runs).',
    );
    expect(made).to.contain(' 1 of 3 runs failed.');
    expect(made).to.contain('| undecided: the mean passes, 1 of 2 runs pass (95 % interval of this share: 1-99 %) |');
  });

  it('shows the reference of a strictly scored run as strict, next to that of a lenient one', () => {
    const baseline = { name: '33b', overall: 71.5, categories: { domain: 44 }, comparable: true };
    const made = page([run(0, { baseline, score_by: 'strict' }), run(1, { baseline })]);
    const lines = made.split('\n').filter((line) => line.startsWith('| baseline'));
    expect(lines.map((line) => line.split(' | ').slice(0, 3))).to.deep.equal([
      ['| baseline 33b, strict figures', 'reference', '– (71.5)'],
      ['| baseline 33b', 'reference', '71.5'],
    ]);
  });

  it('says of the figures of a reference whether they may be set against the scores', () => {
    const said = (comparable: boolean | null): string[] => {
      const baseline = { name: '33b', overall: 71.5, categories: {}, comparable };
      const made = page([80, 82, 84].map((overall, seed) => run(seed, { overall, baseline })));
      const texts = [/^- \*\*43a.*\*\*.*runs\)\.(.*)$/m, / (a single score[^|]*) /, / (reference(?! of)[^|]*) /];
      return texts.map((text) => text.exec(made)?.[1]?.trim() ?? '');
    };
    expect(said(true)).to.deep.equal([
      '',
      'a single score. It differs significantly from the runs (p = .045)',
      'reference',
    ]);
    expect(said(false)).to.deep.equal([
      'This score is not comparable with baseline "33b".',
      'a single score, on another suite: not comparable',
      'reference (not comparable)',
    ]);
    expect(said(null)).to.deep.equal([
      'It is not known whether this score is comparable with baseline "33b".',
      'a single score, on an unknown suite. If it is comparable, it differs significantly from the runs (p = .045)',
      'reference (not known to be comparable)',
    ]);
  });

  it('says at its head that an adapter changes nothing', () => {
    const sentence = 'what it adds to each layer is zero, so this is the base model.**';
    const one = page([run(0, { idle_adapter: true })], [phase({ runs: ['43a-s0'] })]);
    expect(one.split('\n').find((line) => line.startsWith('- **43a'))).to.contain(
      `**The adapter changes nothing: ${sentence}`,
    );
    const some = page([run(0, { idle_adapter: true }), run(1, { idle_adapter: false }), failed(2)]);
    expect(some).to.contain(`**The adapter changes nothing in 1 of 2 runs: ${sentence}`);
    expect(page([run(0), run(1, { idle_adapter: false })])).not.to.contain('changes nothing');
  });

  it('has no verdict when no run is done', () => {
    const made = page([failed(0), failed(1), run(2, { status: 'cancelled', overall: null })]);
    expect(made).to.contain('**43a has no verdict: no run is done (2 of 3 runs failed, 1 cancelled).**');
    expect(made).to.contain('| no verdict |');
    const only = page([run(0, { status: 'cancelled', overall: null })], [phase({ runs: ['43a-s0'] })]);
    expect(only).to.contain('**43a has no verdict: its only run was cancelled.**');
  });

  it('says why there is no verdict', () => {
    const unknown = phase({ criteria: criteria.parse({ gate: 'overall > baseline.overall' }) });
    const row = run(0, { baseline: { name: '33b', overall: null, categories: {}, comparable: null } });
    const made = page([row], [unknown]);
    expect(made).to.contain(
      '**43a has no verdict.** Its overall score is 82.4 (1 run). With only one done run, the variance between runs cannot be estimated. 2 of 3 runs not finished yet.',
    );
    expect(made).to.contain('baseline.overall (baseline has no rows) not known');
  });

  it('judges variants apart from the plain runs', () => {
    const runs = ['43a-s0', '43a-s0-q4', '43a-s1', '43a-s1-q4', '43a-s0.2'];
    const rows = [run(0, { overall: 80 }), run(0, { run: '43a-s0-q4', variant: 'q4', overall: 20 })];
    const made = page(rows, [phase({ runs })]);
    expect(made).to.contain('**43a passes its gate** with an overall score of 80.0 (1 run).');
    expect(made).to.contain('**43a q4 fails its gate** with an overall score of 20.0 (1 run).');
  });

  it('tells what failed: what it means, what to do, the last lines of the log', () => {
    const log = ['| a pipe', '```', '<details>', '\u001b[31mred\u001b[0m\rnext'];
    const made = page([
      failed(0, { message: 'The GPU <b>timed* out', log }),
      failed(1, { code: 'NAN_LOSS', stage: 'train' }),
    ]);
    expect(made).to.contain('### 43a-s0: failed (GPU_FAULT, fuse attempt 4)\n\nThe GPU &lt;b>timed\\* out');
    expect(made).to.contain('What to do: If it keeps happening, close other programs that use the GPU');
    expect(made).to.contain('`phasebox retry 43a-s0` resumes after the last finished stage.');
    expect(made).to.contain('````text\n| a pipe\n```\n<details>\nred\nnext\n````');
    expect(made).to.contain('What to do: Lower learning_rate');
  });

  it('shows a message as the line that it is, whatever it begins with', () => {
    for (const [message, shown] of [
      ['# boom', '\\# boom'],
      ['- a', '\\- a'],
      ['> a', '\\> a'],
      ['2. a', '2\\. a'],
      ['---', '\\---'],
      ['-5 rows', '-5 rows'],
    ] as const)
      expect(page([failed(0, { message })])).to.contain(`attempt 4)\n\n${shown}\n\nWhat to do`);
  });

  it('shows a cancelled run as cancelled', () => {
    const error = {
      code: 'CANCELLED',
      message: 'cancelled in train',
      stage: 'train' as const,
      attempt: 1,
      log: ['Iter 10'],
    };
    const made = page([run(0, { status: 'cancelled', overall: null, error })]);
    expect(made).to.contain('### 43a-s0: cancelled\n\ncancelled in train\n\nWhat to do: `phasebox retry 43a-s0`');
    expect(made).to.match(/\| cancelled \|/);
  });

  it('says when the criteria were fixed: once for all, or of each where they differ', () => {
    const rows = [run(0, { outcome: 'low' }), run(0, { phase: '43b', run: '43b-s0', outcome: 'low' })];
    const criteria = JSON.parse('{ "outcomes": [{ "then": "low" }] }');
    const later = phase({ phase: '43b', criteria, accepted: '2026-11-22T08:00:00.000Z' });
    const apart = page(rows, [phase({ criteria }), later]);
    expect(apart).to.contain('| outcome |').and.contain('| low (criteria set 2026-11-22 08:00 UTC) |');
    expect(page(rows, [phase({ criteria }), phase({ phase: '43b', criteria })]))
      .to.contain('| outcome (criteria set 2026-11-21 22:14 UTC) |')
      .and.contain('| low |');
  });

  it('says where rendered prompts differ or were not recorded', () => {
    const exam = 'e'.repeat(64);
    const asked = (seed: number, prompts: string): Row =>
      run(seed, { eval_identity: prompts, eval_parts: { exam, prompts } });
    const differing = page([asked(0, '1'.repeat(64)), asked(1, '2'.repeat(64)), asked(2, '1'.repeat(64))]);
    expect(differing).to.contain(
      'the rendered prompts of one base model differ between 43a-s0 and 43a-s2 (11111111) and 43a-s1 (22222222)',
    );
    const older = page([run(0), asked(1, '2'.repeat(64))]);
    expect(older).to.contain('43a-s0: rendered prompts not recorded').and.not.contain('Not measured alike');
  });

  it('warns where scores cannot be compared', () => {
    const made = page([run(0), run(1, { eval_identity: 'f'.repeat(64) }), run(2)]);
    expect(made).to.contain('differ between 43a-s0 and 43a-s2 (eeeeeeee) and 43a-s1 (ffffffff)');
    expect(page([run(0), run(1)])).to.not.contain('Not measured alike');
  });

  it('calls what differs between two runs of one seed noise of the machine', () => {
    const again = (overall: number) => page([run(0), run(0, { run: '43a-s0.2', overall }), run(1)]);
    expect(again(70)).to.contain(
      '- 43a-s0 and 43a-s0.2 have the same seed, but scored 82.4 and 70.0. This is noise of the machine',
    );
    expect(again(82.4)).to.contain('- 43a-s0 and 43a-s0.2 have the same seed and the same score (82.4)');
  });

  it('does not take the same model judged again for another run of the recipe', () => {
    const same = (of: string, overall: number) =>
      [`${of}-s0`, `${of}-s0.2`].map((name) =>
        makeRow({ phase: of, run: name, overall, custody: { ...noCustody, adapter: of.repeat(8) } }),
      );
    const made = page([...same('43a', 50), ...same('43b', 40)], [phase({ criteria: null }), phase({ phase: '43b' })]);
    expect(made).to.contain(
      'score of 50.0 (mean of 2 runs). Its 2 runs evaluated the same model, so the variance between runs cannot be estimated.',
    );
    expect(made).to.contain('| **50.0** | – | not known: 2 runs of one model |');
    expect(made).to.contain('**43a vs. 43b: inconclusive, because each has only one model.**');
    const gated = page(same('43a', 50).map((row) => ({ ...row, verdict: 'fail' as const })));
    expect(gated).to.contain('**43a fails its gate** with an overall score of 50.0').and.contain('| fail, one model |');
  });

  it('claims nothing of runs that all score the same', () => {
    const of = (name: string, overall: number) =>
      [0, 1, 2].map((seed) => makeRow({ phase: name, run: `${name}-s${seed}`, seed, overall }));
    const baseline = { name: '33b', overall: 49, categories: {}, comparable: true };
    const a = of('43a', 50).map((row) => ({ ...row, baseline }));
    const made = page([...a, ...of('43b', 40)], [phase({ criteria: null }), phase({ phase: '43b' })]);
    expect(made).to.contain('not known: all 3 runs have the same score');
    expect(made).to.contain(
      '**43a scored 10.0 points more than 43b in every run, but the variance between runs is unknown',
    );
    expect(made).to.contain('| a single score |');
    expect(made)
      .to.not.contain('better')
      .and.to.not.match(/p < \.001|deviation between runs is 0\.0/);
  });

  it('shows a difference that rounds to nothing without a sign', () => {
    const of = (name: string, scores: readonly number[]) =>
      scores.map((overall, seed) => makeRow({ phase: name, run: `${name}-s${seed}`, seed, overall }));
    const made = page([...of('43a', [38.9, 22.2, 82.4]), ...of('43b', [82.4, 38.9, 22.3])], [phase()]);
    expect(made).to.contain('**43a - 43b = 0.0 points.**').and.to.not.contain('-0.0');
  });

  it('has no verdict when no done run has a score', () => {
    expect(page([run(0, { overall: null }), run(1, { overall: null })])).to.contain(
      '- **43a has no verdict: 2 runs done, none with a score.**',
    );
  });

  it('tells what all runs miss only of the runs whose answers are there', () => {
    const prompts = new Map([['43a-s0', [{ id: 'dom-03', repeat: 0, score: 0, strict: 0, mode: 'prose' as const }]]]);
    const made = renderComparison({ ...bare, prompts, rows: [run(0), run(1)], phases: [phase()], damaged: [] });
    expect(made).to.contain('- Prompts that 43a-s0 misses: dom-03.');
  });

  it('asks for more runs only where fewer are accepted, and in words that the inbox takes', () => {
    const five = [0, 1, 2, 3, 4].map((seed) => `43a-s${seed}`);
    expect(page([run(0)], [phase({ runs: five })])).to.not.contain('five seeds');
    expect(page([run(0)], [phase({ runs: ['43a-s0'] })])).to.contain('Set `seeds: 5` in its config');
    const odd = page([run(0), run(7)], [phase({ runs: ['43a-s0', '43a-s0.2', '43a-s7'] })]);
    expect(odd).to.contain('Run five seeds of 43a before you draw a conclusion. Add `seeds` in its config and');
  });

  it('tells how the answers of each category went', () => {
    const category_modes = { domain: modeCounts({ prose: 3, thinking: 6 }), git: modeCounts({ wrapped: 3 }) };
    expect(page([run(0, { category_modes }), run(1)])).to.contain('| 43a-s0 | 6 thinking, 3 prose | 3 wrapped |');
  });

  it('tells how many answers were asked again, and on how much the cost was measured', () => {
    const cost = {
      ...{ bits: { base: 4, final: 5 }, step: 1, kept: 1, snr: 2, layers: 4, top1: 0.99, kl: 0.002, tokens: 90 },
      ...{ loss: { base: 2, adapter: 1, final: 1.05 }, gain_kept: 0.95, rows: 32, rows_of: 168 },
      ...{ answers: 8, answers_of: 27 },
    };
    const made = page([run(0, { asked_again: 3, cost }), run(1, { cost: { ...cost, rows_of: 32, answers_of: 8 } })]);
    expect(made)
      .to.contain('| 25 wrapped, 2 direct_call; 3 asked again |')
      .and.contain('| 25 wrapped, 2 direct_call |');
    expect(made).to.contain('| 99.0 % | 0.0020 (8 of 27 answers) | 95 % (32 of 168 examples) |');
    expect(made).to.contain('| 99.0 % | 0.0020 | 95 % |');
  });

  it('says when val loss does not predict the score', () => {
    const runs = [0.21, 0.26, 0.18].map((val_loss, seed) =>
      run(seed, { metrics: { val_loss, train_loss: 0.1 }, overall: 82 - 20 * seed }),
    );
    expect(page(runs)).to.contain(
      '- Val loss does not predict the score here: 43a-s0 has a higher loss than 43a-s2 (0.210 vs. 0.180) and a higher score (82.0 vs. 42.0)',
    );
    expect(page(runs.slice(0, 2))).to.not.contain('does not predict');
    const tie = { metrics: { val_loss: 0.21, train_loss: 0.1 } };
    expect(page(runs.map((row) => ({ ...row, ...tie })).reverse())).to.not.contain('does not predict');
  });

  it('shows names, titles and outcomes as they are, whatever is in them', () => {
    const odd = phase({
      title: 'a | b `c` <img src=x> *d* _e_ $f$',
      hypothesis: 'x\ny',
      criteria: criteria.parse(JSON.parse('{"outcomes": [{"then": "yes | no"}]}')),
    });
    const made = page([run(0, { warnings: ['<script> | `x`'] })], [odd]);
    expect(made).to.contain('a \\| b \\`c\\` &lt;img src=x> \\*d\\* \\_e\\_ \\$f\\$');
    expect(made).to.contain('yes \\| no');
    expect(made).to.contain('- 43a-s0: &lt;script> \\| `x`');
    for (const line of made.split('\n').filter((line) => line.startsWith('|')))
      expect(line.replaceAll('\\|', '').endsWith('|')).to.equal(true);
  });

  it('keeps rows whose phase folder is gone, and tells of damaged lines', () => {
    const made = page(
      [run(0), run(0, { phase: 'gone', run: 'gone-s0' })],
      [phase()],
      ['results.jsonl, line 3: no JSON'],
    );
    expect(made).to.contain('**gone** has an overall score of 82.4 (1 run).');
    expect(made).to.contain('- results.jsonl, line 3: no JSON');
  });

  it('shows each category once, with blanks where a run has none, and figures with one decimal', () => {
    const made = page([run(0, { categories: { git: 33.33333 } }), run(1, { categories: { lsp: 66.66666 } })]);
    expect(made).to.contain(
      '| run | status | overall (strict) | git | lsp | answers | checkpoint | time, final model | verification |',
    );
    expect(made).to.contain('| **43a-s0** | done | 82.4 (80.6) | 33.3 | – |');
    expect(made).to.contain('| **43a-s1** | done | 82.4 (80.6) | – | 66.7 |');
  });
});
