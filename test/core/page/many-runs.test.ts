import { expect } from 'chai';
import type { PhaseOnPage } from '../../../src/core/compare/groups.ts';
import { renderCustody, renderLatestCustody } from '../../../src/core/page/custody-page.ts';
import { htmlPage } from '../../../src/core/page/html-page.ts';
import type { PlotData } from '../../../src/core/page/plot-data.ts';
import { modeData } from '../../../src/core/page/plot-data.ts';
import { plotSpecs } from '../../../src/core/page/plots.ts';
import { renderComparison } from '../../../src/core/page/report.ts';
import { latestAndBest } from '../../../src/core/page/shown.ts';
import type { Row } from '../../../src/events/row.ts';
import { renderPlot } from '../../../src/io/page/render-plot.ts';
import { at, makeRow } from '../../helpers/rows.ts';

const seeds = 5;
const phaseOf = (number: number): string => `p${String(Math.floor(number / seeds)).padStart(4, '0')}`;

/** Runs of five seeds a phase; every tenth failed; the first phase is the best. */
function makeRows(runs: number): { rows: Row[]; phases: PhaseOnPage[] } {
  const error = { code: 'GPU_FAULT', message: 'the GPU hung', stage: 'train' as const, attempt: 1, log: ['x', 'y'] };
  const rows = Array.from({ length: runs }, (_, number): Row => {
    const named = { run: `${phaseOf(number)}-s${number % seeds}`, phase: phaseOf(number), seed: number % seeds };
    const warnings = ['359 of 1,159 rows are never seen in 800 iterations'];
    if (number % 10 === 9) return makeRow({ ...named, status: 'failed', overall: null, strict: null, error });
    return makeRow({ ...named, warnings, overall: number < seeds ? 99 : 20 + ((number * 7) % 60) });
  });
  const names = [...new Set(rows.map(({ phase }) => phase))];
  const phases = names.map((phase): PhaseOnPage => {
    const own = rows.filter((row) => row.phase === phase).map(({ run }) => run);
    return { phase, title: null, hypothesis: null, criteria: null, accepted: at(0), runs: own };
  });
  return { rows, phases };
}

const comparison = ({ rows, phases }: ReturnType<typeof makeRows>): string =>
  renderComparison({
    ...{ rows, phases, prompts: new Map(), categoryOf: () => null, quote: null },
    ...{ answers: new Set<string>(), plots: [], damaged: [], missing: [] },
  });

describe('the pages of thousands of runs', () => {
  const many = makeRows(10_000);

  it('show the latest and the best, and say so', () => {
    const text = comparison(many);
    expect(text).to.contain(
      'The latest 24 and the best 24 of 2,000 phases and variants are shown. All are in [runs](runs.md).',
    );
    expect(text).to.contain('The latest 24 and the best 24 of 10,000 runs are shown.');
    expect(text).to.contain('The latest 24 of 1,000 are shown.');
    expect(text).to.contain('| **p0000-s0** |').and.to.contain('| **p1999-s3** |').and.not.to.contain('p1000-s0');
    expect(text.split('\n').filter((line) => line.startsWith('| **p'))).to.have.length.within(24, 48);
    expect(text.split('\n').filter((line) => line.startsWith('### '))).to.have.length(24);
    expect(Buffer.byteLength(text)).to.be.below(200_000);
  });

  it('are an HTML page of at most 2 MB, and a table of every run as text', () => {
    expect(Buffer.byteLength(htmlPage(comparison(many)))).to.be.below(2_000_000);
    const whole = renderCustody(many.rows);
    expect(whole.match(/^\| p\d+-s\d \|/gm)).to.have.length(10_000);
    expect(whole.match(/^## /gm)).to.have.length(200);
    expect(Buffer.byteLength(htmlPage(renderLatestCustody(many.rows)))).to.be.below(2_000_000);
  });

  it('are the same as before where there are few', () => {
    const few = makeRows(20);
    expect(comparison(few)).to.contain('| **p0000-s0** |').and.to.contain('| **p0003-s3** |');
    expect(comparison(few)).to.not.contain('are shown');
    expect(renderLatestCustody(few.rows)).to.equal(renderCustody(few.rows));
  });

  it('have plots that can be drawn and read', async () => {
    const { rows } = makeRows(1000);
    const names = [...new Set(rows.map(({ phase }) => phase))];
    const data: PlotData = {
      overall: names.map((name, place) => ({ name, runs: [place % 90], mean: place % 90, low: null, high: null })),
      categories: names.map((phase, place) => ({ phase, category: 'git', score: place % 90 })),
      modes: modeData(rows),
      loss: rows.map(({ run }) => ({ run, train: [{ iteration: 1, value: 1 }], val: [], scores: [] })),
      timeline: rows.map(({ run }) => ({ run, stage: 'train', start: at(0), end: at(1), failed: false })),
    };
    const plots = plotSpecs(data);
    expect([...plots].map(([name]) => name)).to.eql(['overall', 'categories', 'modes', 'loss', 'timeline']);
    for (const [name, spec] of plots) expect((await renderPlot(spec, name)).length, name).to.be.below(400_000);
    expect(plots.get('modes')?.description).to.match(/The latest 24 and the best 24 of 1,000 runs are shown\.$/);
    expect(plots.get('overall')?.description).to.match(/The latest 24 and the best 24 of 200 phases are shown\.$/);
    expect(plots.get('categories')?.description).to.match(/The latest 4 and the best 4 of 200 phases are shown\.$/);
  });

  it('latestAndBest keeps the order, and of equals the later', () => {
    const scores = [5, 9, 9, null, 1, 9, 2, 3];
    const items = scores.map((score, place) => ({ score, place }));
    const places = latestAndBest(items, ({ score }) => score, 2).map(({ place }) => place);
    expect(places).to.eql([2, 5, 6, 7]);
    expect(latestAndBest(items, () => null, 8)).to.equal(items);
  });
});
