import type { CheckReport, ShownRow } from '../../events/data-report.ts';
import { printable, printableLines } from '../printable.ts';
import {
  conclusion,
  type DataReport,
  dataFigures,
  type MarkedPiece,
  markedPieces,
  settingsText,
  splitText,
} from './data-report.ts';

/** How much of a long example a terminal shows. The page has all of it. */
const most = { context: { head: 4, tail: 8 }, taught: { head: 30, tail: 5 }, cut: { head: 3, tail: 0 }, columns: 400 };

/** The whole report for a terminal. It uses marks in a margin instead of colors. */
export function dataText(report: DataReport): string {
  const { before, split } = report;
  const sections = [
    [`${printable(report.data)}, read with ${printable(report.model)} ${settingsText(report)}`],
    figureLines(report),
    ...(split === null ? [findings(before)] : [splitText(report), findings(split.after)]),
    ...before.shown.map(rowLines),
  ];
  const whole = sections.filter((lines) => lines.length > 0).map((lines) => lines.join('\n'));
  return printableLines(`${whole.join('\n\n')}\n`);
}

function figureLines({ file, before, split }: DataReport): string[] {
  if (before.profile === null) return [];
  const after = split?.after.profile ?? null;
  const figures = dataFigures(file, after === null ? [before.profile] : [before.profile, after]);
  const head = after === null ? [] : [{ name: '', cells: ['before', 'after the split'] }];
  const all = [...head, ...figures];
  const names = Math.max(...all.map(({ name }) => name.length));
  const columns = [0, 1].map((column) => Math.max(...all.map(({ cells }) => cells[column]?.length ?? 0)));
  return all.map(({ name, cells }) =>
    `  ${name.padEnd(names)}  ${cells.map((cell, column) => cell.padEnd(columns[column] ?? 0)).join('   ')}`.trimEnd(),
  );
}

const findings = (report: CheckReport): string[] => [
  conclusion(report),
  ...report.stops.map(({ message }) => `  stop: ${message}`),
  ...report.warnings.map((warning) => `  warning: ${warning}`),
];

const margins: Readonly<Record<MarkedPiece['mark'], string>> = {
  context: '        | ',
  taught: 'trained | ',
  cut: '    cut | ',
};

function rowLines(row: ShownRow): string[] {
  const findings = row.findings.map((finding) => `  ${finding}`);
  const pieces = markedPieces(row).flatMap(({ mark, text }) =>
    shortened(linesOf(text), most[mark]).map((line) => `${margins[mark]}${line}`),
  );
  const nothing = row.pieces.some(({ taught }) => taught) ? [] : [`${margins.taught}(nothing)`];
  return [`${row.file}, line ${row.line}`, ...findings, ...pieces, ...nothing];
}

/** A piece that only ends a line has no text of its own to show. */
function linesOf(text: string): string[] {
  if (text.trim() === '') return [JSON.stringify(text)];
  const lines = text.replace(/^\n|\n$/g, '').split('\n');
  return lines.map((line) => (line.length > most.columns ? `${line.slice(0, most.columns)}...` : line));
}

function shortened(
  lines: readonly string[],
  { head, tail }: { readonly head: number; readonly tail: number },
): string[] {
  const left = lines.length - head - tail;
  if (left <= 1) return [...lines];
  return [...lines.slice(0, head), `(${left} more lines)`, ...lines.slice(lines.length - tail)];
}
