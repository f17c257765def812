import type { Row } from '../../events/row.ts';
import { duration, list, listSome, percent, plural } from '../format.ts';
import type { NightView } from './night.ts';

/** What the summary says of a run that finished this night. */
export type NightRow = Pick<Row, 'run' | 'status' | 'overall' | 'started' | 'ended' | 'error'>;

const names = (rows: readonly NightRow[]): string =>
  listSome(rows.map(({ run, error }) => (error === null ? run : `${run} (${error.code})`)));

/** From the first start to the last end. */
function spanText(rows: readonly NightRow[]): string {
  const starts = rows.flatMap(({ started }) => (started === null ? [] : [Date.parse(started)]));
  if (starts.length === 0) return '';
  const end = Math.max(...rows.map(({ ended }) => Date.parse(ended)));
  return ` in ${duration((end - Math.min(...starts)) / 1000)}`;
}

function highestText(rows: readonly NightRow[]): string[] {
  const scored = rows.filter(({ status, overall }) => status === 'done' && overall !== null);
  const [first] = scored.toSorted((a, b) => (b.overall ?? 0) - (a.overall ?? 0));
  if (first === undefined) return [];
  const equal = scored.filter(({ overall }) => overall === first.overall);
  return [`Highest score: ${percent(first.overall)} % (${listSome(equal.map(({ run }) => run))}).`];
}

function leftText({ left, night }: Pick<NightView, 'left' | 'night'>): string[] {
  const counts = ['held', 'paused', 'damaged'].flatMap((why) => {
    const count = left.filter((one) => one.why === why).length;
    return count === 0 ? [] : [`${count} ${why}`];
  });
  const waiting = left.filter(({ why }) => why.startsWith('waits for ')).length;
  if (waiting > 0) counts.push(`${waiting} that ${waiting === 1 ? 'starts' : 'start'} from one of them`);
  if (night.runs > 0) counts.unshift(`${plural(night.runs, 'run')} for the next night`);
  return counts.length === 0 ? [] : [`Left: ${list(counts)}.`];
}

/** `3 runs finished in 6 h 03 min: 2 done, 1 failed. Highest score: 82.4 % (43a-s1). Failed: 43a-s2 (NAN_LOSS).` */
export function nightSummary(rows: readonly NightRow[], view: Pick<NightView, 'left' | 'night'>): string {
  const of = (status: Row['status']): readonly NightRow[] => rows.filter((row) => row.status === status);
  const counts = (['done', 'failed', 'cancelled'] as const).flatMap((status) =>
    of(status).length === 0 ? [] : [`${of(status).length} ${status}`],
  );
  const failed = of('failed');
  return [
    `${plural(rows.length, 'run')} finished${spanText(rows)}: ${counts.join(', ')}.`,
    ...highestText(rows),
    ...(failed.length === 0 ? [] : [`Failed: ${names(failed)}.`]),
    ...leftText(view),
  ].join(' ');
}
