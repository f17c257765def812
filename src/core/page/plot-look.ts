import type { Config } from 'vega-lite';

/** Width of the drawing in pixels, without labels: a plot is then as wide as a narrow column of text. */
export const plotWidth = 400;

/** Readable on white and on black, for viewers without dark mode. The others use the colors of `plotStyle`. */
export const ink = '#767c85';
export const faint = '#767c8540';

/** The palette of Okabe and Ito for color-blind readers, without yellow, which is too light on white. */
export const palette = [
  '#1f83c4',
  '#e69f00',
  '#009e73',
  '#cc79a7',
  '#56b4e9',
  '#d55e00',
  '#8c8c8c',
  '#7a5cb8',
  '#a6761d',
];

const font = 'system-ui, -apple-system, "Segoe UI", sans-serif';

/** The common look of all plots. */
export const look: Config = {
  background: 'transparent',
  font,
  view: { stroke: null },
  range: { category: palette },
  axis: {
    domain: false,
    ticks: false,
    gridColor: faint,
    labelColor: ink,
    titleColor: ink,
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    labelPadding: 6,
    labelLimit: 150,
    labelFlush: false,
  },
  title: { color: ink, fontSize: 12, fontWeight: 'normal', anchor: 'start', limit: 200 },
  concat: { spacing: 16 },
  legend: {
    orient: 'top',
    title: null,
    labelColor: ink,
    labelFontSize: 12,
    labelLimit: 150,
    symbolSize: 90,
    columns: 4,
  },
};

/** CSS inside the SVG: text and lines get the colors of a dark page if the viewer prefers dark. */
export const plotStyle =
  '.plot text{fill:#424a53}' +
  '@media (prefers-color-scheme:dark){.plot text{fill:#c3cad2}}' +
  '@media print{.plot text{fill:#424a53}}';
