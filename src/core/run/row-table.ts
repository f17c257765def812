import type { Row } from '../../events/row.ts';
import { modes } from '../../events/score.ts';
import { stageNames } from '../../events/stages.ts';
import { type CsvValue, csvLine } from '../csv.ts';

type Cell = readonly [column: string, value: (row: Row) => CsvValue];

const sum = (seconds: Row['seconds']): number => Object.values(seconds).reduce((total, one) => total + one, 0);

/** The columns before those of the categories. The names are a contract: programs read them. */
const first: readonly Cell[] = [
  ['run', ({ run }) => run],
  ['phase', ({ phase }) => phase],
  ['variant', ({ variant }) => variant],
  ['seed', ({ seed }) => seed],
  ['model', ({ model }) => model],
  ['status', ({ status }) => status],
  ['score_by', ({ score_by }) => score_by],
  ['overall', ({ overall }) => overall],
  ['strict', ({ strict }) => strict],
  ['base.overall', ({ base }) => base?.overall ?? null],
  ['base.strict', ({ base }) => base?.strict ?? null],
  ['verdict', ({ verdict }) => verdict],
  ['outcome', ({ outcome }) => outcome],
  ['verdict_reason', ({ verdict_reason }) => verdict_reason],
  ['checkpoint', ({ checkpoint }) => checkpoint],
  ['val_loss', ({ metrics }) => metrics.val_loss],
  ['train_loss', ({ metrics }) => metrics.train_loss],
  ['peak_memory_bytes', ({ training }) => training?.peak_bytes ?? null],
  ['peak_disk_bytes', ({ bytes }) => bytes.temp_peak],
  ['model_bytes', ({ bytes }) => bytes.final],
  ['started', ({ started }) => started],
  ['ended', ({ ended }) => ended],
  ['seconds', ({ seconds }) => sum(seconds)],
  ...stageNames.map((stage): Cell => [`seconds.${stage}`, ({ seconds }) => seconds[stage] ?? null]),
  ['error.code', ({ error }) => error?.code ?? null],
  ['error.stage', ({ error }) => error?.stage ?? null],
  ['error.message', ({ error }) => error?.message ?? null],
  ['eval_identity', ({ eval_identity }) => eval_identity],
  ...modes.map((mode): Cell => [`mode.${mode}`, ({ modes: counts }) => counts?.[mode] ?? null]),
];

/** The rows as CSV: a header, then a line for each run. Each category of a suite has two columns. */
export function rowTable(rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.categories ?? {})))].sort();
  const cells: readonly Cell[] = [
    ...first,
    ...names.map((name): Cell => [`category.${name}`, ({ categories }) => categories?.[name] ?? null]),
    ...names.map((name): Cell => [`strict_category.${name}`, (row) => row.strict_categories?.[name] ?? null]),
  ];
  return [cells.map(([column]) => column), ...rows.map((row) => cells.map(([, value]) => value(row)))]
    .map(csvLine)
    .join('');
}
