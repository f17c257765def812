import type { CheckReport, DataProfile, ShownRow, SplitFile } from '../../events/data-report.ts';
import { count, none, percentOf, plural } from '../format.ts';
import { printable, printableLines } from '../printable.ts';

/** The result of `phasebox data`, for the terminal, the page and `--json`. */
export interface DataReport {
  /** Absolute path of the file or the folder. */
  readonly data: string;
  /** Name of the file that is counted. For a folder it is train.jsonl. */
  readonly file: string;
  readonly model: string;
  readonly maskPrompt: boolean;
  readonly maxSeqLength: number;
  readonly before: CheckReport;
  /** Where the split data is, what was done to each file, and what is trained on. */
  readonly split: { readonly folder: string; readonly files: readonly SplitFile[]; readonly after: CheckReport } | null;
}

/** A piece of an example: `context` is read, `taught` is what the loss is taken over, `cut` is beyond max_seq_length. */
export interface MarkedPiece {
  readonly mark: 'context' | 'taught' | 'cut';
  readonly text: string;
}

/** If untaught text follows a taught piece, it was cut off: nothing else can end a row. */
export function markedPieces({ pieces }: ShownRow): MarkedPiece[] {
  const first = pieces.findIndex(({ taught }) => taught);
  return pieces.map(({ text, taught }, index) => ({
    mark: taught
      ? 'taught'
      : first !== -1 && index > first && pieces.slice(index).every((one) => !one.taught)
        ? 'cut'
        : 'context',
    text,
  }));
}

/** `with mask_prompt, max_seq_length 2048` */
export const settingsText = ({ maskPrompt, maxSeqLength }: DataReport): string =>
  `${maskPrompt ? 'with' : 'without'} mask_prompt, max_seq_length ${maxSeqLength}`;

/** The report that decides: the one of the split data, if a split was requested. */
export const lastReport = ({ before, split }: DataReport): CheckReport => split?.after ?? before;

/** Whether a run would train on this data. */
export function conclusion({ stops, warnings }: CheckReport): string {
  const doubts = warnings.length === 0 ? '' : `, with ${plural(warnings.length, 'warning')}`;
  return stops.length === 0 ? `Training on this data would start${doubts}.` : 'Training on this data would be stopped.';
}

/** What `--split` did, in sentences. */
export function splitText({ before, split }: DataReport): string[] {
  if (split === null) return [];
  const lines = split.files.flatMap((file) => [writtenText(file), ...file.left_out]);
  const [was, is] = [before.profile?.tokens?.train ?? 0, split.after.profile?.tokens?.train ?? 0];
  const longer = was > 0 && is > 0 ? [`The split data has ${(is / was).toFixed(1)} times as many tokens to read.`] : [];
  return [...lines, ...longer];
}

const writtenText = ({ name, copied, rows }: SplitFile): string =>
  copied
    ? `${name}: copied unchanged, because its examples are not chats`
    : `${name}: ${count(rows.before)} examples became ${count(rows.after)}, one for each assistant turn`;

/** A count with one cell per profile: of the given data and of the split data. */
export interface Figure {
  readonly name: string;
  readonly cells: readonly string[];
}

/** `385 of 1,074 (35.8 %)`; `0 of 1,074`. */
const portion = (some: number, all: number): string =>
  `${count(some)} of ${count(all)}${some === 0 ? '' : ` (${percentOf(some, all)})`}`;

interface Line {
  readonly name: (file: string, profile: DataProfile) => string;
  /** How many, and of how many. It is null if the profile does not count it. */
  readonly counts: (profile: DataProfile) => readonly [some: number, all?: number] | null;
  /** Shown only if it is not 0: most data has none of it. */
  readonly rare?: true;
}

type Answers = NonNullable<DataProfile['taught']>['answers'];

/** With a mask, one answer per example is trained on, the last one. */
const answers = ({ taught }: DataProfile): string => (taught?.masked === false ? 'answers' : 'examples');

const answerLine = (kind: Exclude<keyof Answers, 'total'>, words: string, rare = false): Line => ({
  name: (_, profile) => `${answers(profile)} ${words}`,
  counts: ({ taught }) => (taught === undefined ? null : [taught.answers[kind], taught.answers.total]),
  ...(rare ? { rare } : {}),
});

const lines: readonly Line[] = [
  { name: (file) => `examples in ${file}`, counts: ({ rows }) => [rows.train] },
  { name: () => 'examples in valid.jsonl', counts: ({ rows }) => [rows.valid], rare: true },
  { name: (file) => `tokens in ${file}`, counts: ({ tokens }) => (tokens === undefined ? null : [tokens.train]) },
  { name: () => 'tokens in the longest example', counts: (profile) => [profile.longest_row_tokens] },
  answerLine('call', 'that end in a tool call'),
  answerLine('prose', 'that end in text'),
  answerLine('other', 'that train on something else', true),
  answerLine('nothing', 'that train on nothing', true),
  {
    name: () => 'calls that are never trained on',
    counts: ({ taught }) => (taught === undefined ? null : [taught.calls.never_taught, taught.calls.total]),
  },
  {
    name: () => 'assistant turns that are never trained on',
    counts: ({ taught }) => (taught === undefined ? null : [taught.turns.never_taught, taught.turns.total]),
  },
  {
    name: () => 'examples longer than max_seq_length',
    counts: ({ rows, rows_over_max_seq_length: over }) => [over, rows.train],
    rare: true,
  },
  { name: () => 'answers cut short', counts: ({ rows, rows_answer_cut: cut }) => [cut, rows.train], rare: true },
  { name: () => 'answers lost', counts: ({ rows, rows_answer_lost: lost }) => [lost, rows.train], rare: true },
];

/** The figures of one file before and after the split, for the counts that both profiles have. `file` is its name. */
export function dataFigures(file: string, profiles: readonly [DataProfile, ...DataProfile[]]): Figure[] {
  return lines.flatMap(({ name, counts, rare = false }) => {
    const found = profiles.map(counts);
    if (found.every((one) => one === null || (rare && one[0] === 0))) return [];
    const cells = found.map((one) => {
      if (one === null) return none;
      const [some, all] = one;
      return all === undefined ? count(some) : portion(some, all);
    });
    return [{ name: name(file, profiles[0]), cells }];
  });
}

/** How much of a long example a terminal shows. The page has all of it. */
const most = { context: { head: 4, tail: 8 }, taught: { head: 30, tail: 5 }, cut: { head: 3, tail: 0 }, columns: 400 };

/** The whole report for a terminal. It uses marks in a margin instead of colors. */
export function dataText(report: DataReport): string {
  const { before, split } = report;
  const sections = [
    [`${printable(report.data)}, read by the tokenizer of ${printable(report.model)} ${settingsText(report)}`],
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

function shortened(lines: readonly string[], { head, tail }: { head: number; tail: number }): string[] {
  const left = lines.length - head - tail;
  if (left <= 1) return [...lines];
  return [...lines.slice(0, head), `(${left} more lines)`, ...lines.slice(lines.length - tail)];
}
