import type { Row } from '../../events/row.ts';
import { plural } from '../words.ts';

/** Messages about new runs, and about runs whose folders were removed. */

type Named = Pick<Row, 'run' | 'status' | 'overall'>;

const most = 10;

/** `43a-s0 (done, 82.4 %)`, at most ten of them. */
export function rowNames(rows: readonly Named[]): string {
  return some(
    rows.map(({ run, status, overall }) => `${run} (${status}${overall === null ? '' : `, ${overall.toFixed(1)} %`})`),
  );
}

/** `phase 43a, 2 new runs (43a-s0, 43a-s1). Already known: 43a-s2 (done)`: what a config adds to its phase. */
export function additionText(
  phase: string,
  { fresh, replaced, known }: Readonly<Record<'fresh' | 'replaced' | 'known', readonly string[]>>,
): string {
  const added = fresh.length === 0 ? '' : `, ${plural(fresh.length, 'new run')} (${some(fresh)})`;
  return [`phase ${phase}${added}`, ...replaced, ...(known.length === 0 ? [] : [`Already known: ${some(known)}`])].join(
    '. ',
  );
}

const some = (texts: readonly string[]): string =>
  [...texts.slice(0, most), ...(texts.length > most ? [`${texts.length - most} more`] : [])].join(', ');

/**
 * Which rows an accepted config replaces. `again`: its runs are made again. `others`: rows of its phase whose runs are
 * all gone.
 */
export function replacedTexts(again: readonly Named[], others: readonly Named[]): string[] {
  const folders = again.length === 1 ? 'its folder was' : 'their folders were';
  return [
    ...(again.length === 0 ? [] : [`Run again, because ${folders} removed: ${rowNames(again)}`]),
    ...(others.length === 0 ? [] : [`No longer counted, because the phase was removed: ${rowNames(others)}`]),
  ];
}

/** For `status`: rows that are kept although nothing else of their runs is left. */
export const removedText = (rows: readonly Named[]): string =>
  `rows whose run folder was removed: ${rowNames(rows)}. They are kept. Submit the config again to run it again.`;

/** For `status` and the page: an accepted run that has neither its folder nor a row. */
export const missingRunText = (run: string): string =>
  `${run}: its run folder was deleted before it finished. Submit its config again to run it.`;

/** For `status`: rows that are moved as soon as `up` works. */
export const replacedText = (rows: readonly Named[]): string =>
  `rows of earlier runs, whose folders were removed: ${rowNames(rows)}. They move to results.jsonl.old, and the runs are made again.`;
