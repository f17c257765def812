import { parse, textMetrics, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { plotStyle } from '../../core/page/plot-look.ts';

/** An export of vega that its types lack. */
declare module 'vega' {
  export const textMetrics: { width: (item: { readonly fontSize?: number }, text: unknown) => number };
}

/** Widths of characters in a common sans-serif font, relative to the font size. Others are as wide as digits. */
const widths: readonly (readonly [RegExp, number])[] = [
  [/[ijl.,:;'|!()[\]]/, 0.34],
  [/[ft r/\\-]/, 0.42],
  [/[mwMW%@]/, 0.98],
  [/[A-Z]/, 0.72],
  // scripts whose characters are square
  [/[\u1100-\u11ff\u2e80-\uffef]|[\u{1f000}-\u{3ffff}]/u, 1.05],
];

/** Without a canvas nothing can measure text. Vega's own estimate is so wide that labels push the plot aside. */
textMetrics.width = (item, text): number => {
  const size = item.fontSize ?? 11;
  const shown = String(text ?? '').slice(0, 500);
  return [...shown].reduce((sum, one) => sum + size * (widths.find(([known]) => known.test(one))?.[1] ?? 0.64), 0);
};

/** Renders a plot as SVG without scripts. `id` prefixes its names, since a page has several. The bytes are stable. */
export async function renderPlot(spec: TopLevelSpec, id: string): Promise<string> {
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  try {
    const svg = await view.toSVG();
    return tidy(svg, { id, title: spec.description ?? id });
  } finally {
    view.finalize();
  }
}

/** Vega counts its ids over the whole process. Here the ids of each drawing start from 1, with its own prefix. */
function tidy(svg: string, { id, title }: { readonly id: string; readonly title: string }): string {
  const names = new Map<string, string>();
  const named = svg.replace(/(?<=id="|url\(#)(?:clip|gradient_)\d+(?=[")])/g, (old) => {
    const name = names.get(old) ?? `${id}-${names.size + 1}`;
    names.set(old, name);
    return name;
  });
  const text = title.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `${named.replace(/<svg ([^>]*?)class="marks"([^>]*)>/, `<svg $1class="plot" role="img"$2><title>${text}</title><style>${plotStyle}</style>`)}\n`;
}
