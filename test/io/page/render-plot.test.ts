import { expect } from 'chai';
import type { PlotData } from '../../../src/core/page/plot-data.ts';
import { type PlotName, plotNames, plotSpecs } from '../../../src/core/page/plots.ts';
import { renderPlot } from '../../../src/io/page/render-plot.ts';

const at = (minute: number): string => new Date(Date.UTC(2026, 10, 21, 22, minute)).toISOString();
const name = '43a <script>alert("1")</script> &';

const data: PlotData = {
  overall: [
    { name, runs: [82.4, 38.9, 22.2], mean: 47.8, low: 0, high: 100 },
    { name: '43b', runs: [18.5], mean: 18.5, low: null, high: null },
  ],
  categories: [
    { phase: name, category: 'git', score: 33.3 },
    { phase: '43b', category: 'git', score: 0 },
  ],
  modes: [{ run: name, overall: 82.4, counts: { wrapped: 2, prose: 1 } }],
  loss: [
    {
      ...{ run: name, train: [10, 20].map((iteration) => ({ iteration, value: 1 / iteration })) },
      ...{ val: [{ iteration: 10, value: 0.2 }], scores: [{ iteration: 20, value: 55 }] },
    },
    { run: '43b-s0', train: [{ iteration: 10, value: 1 }], val: [], scores: [] },
    { run: 'no log', train: [], val: [], scores: [] },
  ],
  timeline: [
    { run: name, stage: 'train', start: at(0), end: at(42), failed: false },
    { run: name, stage: 'fuse', start: at(42), end: at(43), failed: true },
    { run: '43b-s0', stage: 'train', start: at(43), end: at(43), failed: false },
  ],
};

const draw = async (given: PlotData): Promise<Map<PlotName, string>> => {
  const drawn = new Map<PlotName, string>();
  for (const [plot, spec] of plotSpecs(given)) drawn.set(plot, await renderPlot(spec, plot));
  return drawn;
};

/** Texts that the drawing shows. */
const textsOf = (svg: string): string[] => [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text ?? '');

describe('plots', () => {
  let drawn: Map<PlotName, string>;
  before(async () => {
    drawn = await draw(data);
  });

  it('are drawn without a browser, each with a title, its look for dark pages and no script', () => {
    expect([...drawn.keys()]).to.eql(Object.keys(plotNames));
    for (const [plot, svg] of drawn) {
      expect(svg, plot).to.match(/^<svg [^>]*class="plot" role="img"[^>]*><title>[A-Z][^<]+<\/title><style>/);
      expect(svg, plot)
        .to.contain('prefers-color-scheme:dark')
        .and.not.to.match(/<script|<image|href=|fill="white"/);
      expect(svg.match(/viewBox/g), plot).to.have.lengthOf(1);
    }
  });

  it('show names as text', () => {
    for (const plot of ['overall', 'modes', 'loss', 'timeline'] as const)
      expect(
        textsOf(drawn.get(plot) ?? '').some((text) => text.startsWith('43a &lt;script')),
        plot,
      ).to.equal(true);
  });

  it('are the same bytes for the same data, however many were drawn before', async () => {
    expect([...(await draw(data))]).to.eql([...drawn]);
  });

  it('keep what they refer to apart from that of others in the same page', () => {
    const ids = [...drawn.values()].flatMap((svg) => [...svg.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
    expect(new Set(ids).size).to.equal(ids.length);
    for (const [plot, svg] of drawn)
      for (const [, used] of svg.matchAll(/url\(#([^)]+)\)/g)) expect(svg, plot).to.contain(`id="${used}"`);
  });

  it('are left out when there is nothing to show', () => {
    const empty = { overall: [], categories: [], modes: [], loss: [], timeline: [] };
    expect(plotSpecs(empty).size).to.equal(0);
    expect([...plotSpecs({ ...empty, loss: data.loss.slice(2) }).keys()]).to.eql([]);
    expect([...plotSpecs({ ...empty, modes: data.modes }).keys()]).to.eql(['modes']);
  });

  it('show a failed attempt, and scores of checkpoints where they were measured', () => {
    expect(textsOf(drawn.get('timeline') ?? ''))
      .to.include('failed attempt')
      .and.to.include('2026-11-21, UTC');
    expect(textsOf(drawn.get('loss') ?? '')).to.include('checkpoint score, %');
  });
});
