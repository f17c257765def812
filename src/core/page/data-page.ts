import type { ShownRow } from '../../events/data-report.ts';
import { printableLines } from '../printable.ts';
import {
  conclusion,
  type DataReport,
  dataFigures,
  lastReport,
  markedPieces,
  settingsText,
  splitText,
} from './data-report.ts';
import { escapeHtml, htmlDocument } from './html-document.ts';

/** A mark is visible without color too: by its border, or by the line through it. */
const ownStyle = `
table{width:auto}
.row{white-space:pre-wrap;overflow-wrap:anywhere}
mark,.cut{border-radius:3px;padding:.1em 0;-webkit-box-decoration-break:clone;box-decoration-break:clone}
mark{background:#d4f4dd;color:#0b3d1c;border-bottom:2px solid #1a7f37}
.cut{color:var(--soft);text-decoration:line-through}
@media (prefers-color-scheme:dark){mark{background:#12391f;color:#c6f0d2;border-bottom-color:#3fb950}}
`;

const text = (value: string): string => escapeHtml(printableLines(value));
const tag = (name: string, inner: string): string => `<${name}>${inner}</${name}>\n`;
const items = (list: readonly string[]): string =>
  list.length === 0 ? '' : tag('ul', list.map((item) => tag('li', text(item))).join(''));

/** The report as one HTML file without scripts or other files. It has the whole text of the examples that it shows. */
export function dataPage(report: DataReport, style: string): string {
  const title = `Training data: ${report.data}`;
  const last = lastReport(report);
  const body = [
    tag('h1', text(title)),
    tag('p', `Read with <code>${text(report.model)}</code> ${text(settingsText(report))}.`),
    figureTable(report),
    items(splitText(report)),
    tag('h2', 'Findings'),
    tag('p', text(conclusion(last))),
    items([...last.stops.map(({ message }) => `Stop: ${message}`), ...last.warnings.map((one) => `Warning: ${one}`)]),
    ...(report.before.shown.length === 0
      ? []
      : [
          tag('h2', report.split === null ? 'Examples' : 'Examples before the split'),
          legend,
          ...report.before.shown.map(rowSection),
        ]),
  ];
  return htmlDocument({ title, body: body.join(''), style: style + ownStyle });
}

const legend = tag(
  'p',
  'The model is trained on text that is <mark>marked like this</mark>. The rest is only context. ' +
    '<span class="cut">Struck-through</span> text is beyond max_seq_length, and training does not see it.',
);

function figureTable({ file, before, split }: DataReport): string {
  if (before.profile === null) return '';
  const after = split?.after.profile ?? null;
  const figures = dataFigures(file, after === null ? [before.profile] : [before.profile, after]);
  const row = (cell: 'td' | 'th', cells: readonly string[]): string =>
    tag('tr', cells.map((one) => `<${cell}>${text(one)}</${cell}>`).join(''));
  const head = after === null ? '' : tag('thead', row('th', ['', 'before', 'after the split']));
  const rows = figures.map(({ name, cells }) => row('td', [name, ...cells])).join('');
  return `<div class="scroll" tabindex="0"><table>\n${head}${tag('tbody', rows)}</table></div>\n`;
}

function rowSection(row: ShownRow): string {
  const marked = markedPieces(row).map(({ mark, text: piece }) => {
    const inner = text(piece);
    if (mark === 'taught') return `<mark>${inner}</mark>`;
    return mark === 'cut' ? `<span class="cut">${inner}</span>` : inner;
  });
  // A browser does not show the first line end of a <pre>, so this one is extra.
  return `${tag('h3', text(`${row.file}, line ${row.line}`))}${items(row.findings)}<pre class="row">\n${marked.join('')}</pre>\n`;
}
