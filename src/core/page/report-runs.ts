import type { Row } from '../../events/row.ts';
import { type Mode, modes } from '../../events/score.ts';
import { stageNames } from '../../events/stages.ts';
import { duration, list, loss, none, percent, sizeText } from '../format.ts';
import { asText, details, table } from './markdown.ts';

function categoriesOf(rows: readonly Row[]): string[] {
  const tables = rows.flatMap((row) => [row.categories, row.base?.categories, row.baseline?.categories]);
  return [...new Set(tables.flatMap((one) => Object.keys(one ?? {})))];
}

/** `82.4 (70.0)`. If only the strict figure is known: `– (70.0)`. */
const scoreCell = (overall: number | null, strict: number | null): string =>
  strict === null ? percent(overall) : `${percent(overall)} (${percent(strict)})`;

function checkpointCell(row: Row): string {
  const { checkpoint, metrics, selection, training } = row;
  if (checkpoint === null) return none;
  if (selection !== null) {
    const chosen = selection.candidates.find(({ iteration }) => iteration === checkpoint);
    const score = row.score_by === 'strict' ? chosen?.strict : chosen?.overall;
    const figure =
      selection.by === 'suite'
        ? `${percent(score)} in the selection, before fusing`
        : `val loss, ${loss(chosen?.val_loss ?? null)}`;
    return `${checkpoint}, best of ${selection.candidates.length} (${figure})`;
  }
  const facts = [
    ...(metrics.val_loss === null ? [] : [`val ${loss(metrics.val_loss)}`]),
    ...(training?.stopped ? ['stopped early'] : []),
  ];
  return facts.length === 0 ? String(checkpoint) : `${checkpoint} (${facts.join(', ')})`;
}

const total = (row: Row): number => Object.values(row.seconds).reduce((sum, seconds) => sum + seconds, 0);

/** `25 wrapped, 2 direct_call`: the number of answers of each mode. */
function modesCell(counts: Readonly<Partial<Record<Mode, number>>> | null | undefined): string {
  const seen = modes.flatMap((mode) => (counts?.[mode] ? [`${counts[mode]} ${mode}`] : []));
  return seen.length === 0 ? none : seen.join(', ');
}

/** The modes of all answers, and how many of them were asked again. */
function answersCell({ modes: counts, asked_again: again }: Row): string {
  const seen = modesCell(counts);
  if (again === null || again === 0) return seen;
  return [...(seen === none ? [] : [seen]), `${again} asked again`].join('; ');
}

/** One line per scored run: the modes of the answers in each category. It is empty if no row has them. */
export function categoryModeTable(rows: readonly Row[]): string {
  const counted = rows.flatMap(({ run, category_modes: by }) => (by === null ? [] : [{ run, by }]));
  if (counted.length === 0) return '';
  const categories = [...new Set(counted.flatMap(({ by }) => Object.keys(by)))];
  const lines = counted.map(({ run, by }) => [asText(run), ...categories.map((category) => modesCell(by[category]))]);
  return details('Modes of the answers, by category', table(['run', ...categories.map(asText)], lines));
}

/** Whether the answering server was ours and served this model, and the contents have hashes. */
function verificationCell({ status, custody, selection }: Row): string {
  if (status !== 'done') return none;
  const missing = [
    ...(custody.server === null ? ['server'] : []),
    ...(custody.model === null && custody.adapter === null ? ['model'] : []),
    ...(custody.suite === null ? ['suite'] : []),
  ];
  const chosen = selection?.same_suite ? '; checkpoint chosen on these prompts' : '';
  return `${missing.length === 0 ? 'verified' : `not verified: ${missing.join(', ')}`}${chosen}`;
}

const size = (bytes: number | null): string => (bytes === null ? none : sizeText(bytes));

function runLine(row: Row, categories: readonly string[]): string[] {
  return [
    `**${asText(row.run)}**`,
    row.status,
    scoreCell(row.overall, row.strict),
    ...categories.map((category) => percent(row.categories?.[category])),
    answersCell(row),
    row.verdict ?? none,
    row.outcome === null ? none : asText(row.outcome),
    checkpointCell(row),
    `${duration(total(row))}, ${size(row.bytes.final)}`,
    verificationCell(row),
  ];
}

/** The base models that were scored, each named by the phases that it is the base of. */
export function basesOf(rows: readonly Row[]) {
  const found = new Map(rows.flatMap(({ base }) => (base === null ? [] : [[base.key, base] as const])));
  return [...found.values()].map((base) => {
    const own = rows.filter((row) => row.base?.key === base.key);
    const name = `base of ${list([...new Set(own.map(({ phase }) => phase))])}`;
    return { name, base, isStrict: own.at(-1)?.score_by === 'strict' };
  });
}

function referenceWords(comparable: boolean | null): string {
  if (comparable === null) return 'reference (not known to be comparable)';
  return comparable ? 'reference' : 'reference (not comparable)';
}

/** Models next to the runs: the bases, and the references that were written down. */
function referenceLines(rows: readonly Row[], categories: readonly string[]): string[][] {
  type Scores = Pick<Row, 'overall' | 'strict'> & { readonly categories: Readonly<Record<string, number>> };
  const line = (name: string, status: string, scores: Scores): string[] => [
    asText(name),
    status,
    scoreCell(scores.overall, scores.strict),
    ...categories.map((category) => percent(scores.categories[category])),
  ];
  const baselines = new Map(
    rows.flatMap(({ baseline, score_by }) =>
      baseline === null ? [] : [[JSON.stringify([baseline, score_by]), { ...baseline, score_by }] as const],
    ),
  );
  return [
    ...basesOf(rows).map(({ name, base }) => line(name, 'untrained', base)),
    ...[...baselines.values()].map(({ score_by, ...baseline }) => {
      const status = referenceWords(baseline.comparable);
      const strict = { ...baseline, overall: null, strict: baseline.overall };
      return score_by === 'strict'
        ? line(`baseline ${baseline.name}, strict figures`, status, strict)
        : line(`baseline ${baseline.name}`, status, { ...baseline, strict: null });
    }),
  ];
}

/** One line per run: overall (strict) and each category. Base models and baselines are below. */
export function runTable(rows: readonly Row[]): string {
  const categories = categoriesOf(rows);
  const head = [
    ...['run', 'status', 'overall (strict)', ...categories.map(asText)],
    ...['answers', 'gate', 'outcome', 'checkpoint', 'time, final model', 'verification'],
  ];
  return table(head, [...rows.map((row) => runLine(row, categories)), ...referenceLines(rows, categories)]);
}

/** One line per run: seconds of each stage (all attempts), the peak of its disk space, and the size of what stays. */
export function timeTable(rows: readonly Row[]): string {
  return table(
    ['run', ...stageNames, 'total', 'temp disk, peak', 'final model', 'ended'],
    rows.map((row) => [
      asText(row.run),
      ...stageNames.map((stage) => (row.seconds[stage] === undefined ? none : duration(row.seconds[stage]))),
      duration(total(row)),
      size(row.bytes.temp_peak),
      size(row.bytes.final),
      row.ended.slice(0, 16).replace('T', ' '),
    ]),
  );
}
