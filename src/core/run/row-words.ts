import type { Row, RowHead } from '../../events/row.ts';
import { duration, plural } from '../format.ts';

/** `done in 50 min 3 s: 82.4 % (strict 80.6 %), gate passed, outcome "low"`, or why there is no score. */
export function rowLine(row: RowHead): string {
  const { status, error } = row;
  if (status === 'done') return `done ${resultText(row)}`;
  if (status === 'cancelled' && error !== null)
    return worked(row) === 0 ? error.message : `${error.message}, after ${took(row)}`;
  const code = error === null ? '' : ` (${error.code})`;
  return `${status} after ${took(row)}${code}${error === null ? '' : `: ${error.message}`}`;
}

/** `in 50 min 3 s: 82.4 % (strict 80.6 %), gate passed, outcome "low"`: the result of a done run. */
export function resultText(row: RowHead): string {
  const { overall, strict, verdict, outcome } = row;
  const score = overall === null ? 'no score' : `${overall.toFixed(1)} % (strict ${(strict ?? 0).toFixed(1)} %)`;
  const gate = verdict === null ? [] : [`gate ${verdict === 'pass' ? 'passed' : 'failed'}`];
  return `in ${took(row)}: ${[score, ...gate, ...(outcome === null ? [] : [`outcome "${outcome}"`])].join(', ')}`;
}

const worked = ({ seconds }: RowHead): number => Object.values(seconds).reduce((sum, one) => sum + one, 0);
const took = (row: RowHead): string => duration(worked(row));

type Named = Pick<Row, 'run' | 'status' | 'overall'>;

const most = 10;

/** `43a-s0 (done, 82.4 %)`, at most ten of them. */
export function rowNames(rows: readonly Named[]): string {
  const score = (overall: number | null): string => (overall === null ? '' : `, ${overall.toFixed(1)} %`);
  return someOf(rows.map(({ run, status, overall }) => `${run} (${status}${score(overall)})`));
}

/** `phase 43a, 2 new runs (43a-s0, 43a-s1). Already known: 43a-s2 (done)`: what a config adds to its phase. */
export function additionText(
  phase: string,
  { fresh, replaced, known }: Readonly<Record<'fresh' | 'replaced' | 'known', readonly string[]>>,
): string {
  const none = replaced.length === 0 ? ', no new run' : '';
  const added = fresh.length === 0 ? none : `, ${plural(fresh.length, 'new run')} (${someOf(fresh)})`;
  const unchanged = known.length === 0 ? [] : [`Already known: ${someOf(known)}`];
  return [`phase ${phase}${added}`, ...replaced, ...unchanged].join('. ');
}

/** The texts with commas, at most ten of them. */
export const someOf = (texts: readonly string[]): string =>
  [...texts.slice(0, most), ...(texts.length > most ? [`${texts.length - most} more`] : [])].join(', ');

/** What an accepted config replaces: `again` is made again, and the runs of the `others` are all gone. */
export function replacedTexts(again: readonly Named[], others: readonly Named[]): string[] {
  const folders = again.length === 1 ? 'its folder was' : 'their folders were';
  return [
    ...(again.length === 0 ? [] : [`Run again, because ${folders} removed: ${rowNames(again)}`]),
    ...(others.length === 0 ? [] : [`No longer counted, because the phase was removed: ${rowNames(others)}`]),
  ];
}

/** What a corrected config changes of the phase that it replaces: `train.iters: 900 -> 800`, at most ten lines. */
export const correctedText = (changes: readonly string[]): string =>
  `It replaces the phase as accepted before, of which nothing has run: ${someOf(changes)}`;

/** For `status`: rows that are kept although nothing else of their runs is left. */
export const removedText = (rows: readonly Named[]): string =>
  `rows whose run folder was removed: ${rowNames(rows)}. They are kept. Submit the config again to run it again.`;

/** For `status` and the page: an accepted run that has neither its folder nor a row. */
export const missingRunText = (run: string): string =>
  `${run}: its run folder was deleted before it finished. Submit its config again to run it.`;

/** For `status`: rows that are moved as soon as `up` works. */
export const replacedText = (rows: readonly Named[]): string =>
  `rows of earlier runs, whose folders were removed: ${rowNames(rows)}. They move to results.jsonl.old, and the runs are made again.`;
