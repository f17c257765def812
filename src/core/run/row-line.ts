import type { RowHead } from '../../events/row.ts';
import { duration } from '../words.ts';

/** `82.4 % (strict 80.6 %), gate passed, 50 min 3 s`, or why there is no score. */
export function rowLine(row: RowHead): string {
  const total = duration(Object.values(row.seconds).reduce((sum, seconds) => sum + seconds, 0));
  if (row.status !== 'done') return `${row.status} after ${total}${row.error === null ? '' : `: ${row.error.message}`}`;
  const score =
    row.overall === null ? 'no score' : `${row.overall.toFixed(1)} % (strict ${(row.strict ?? 0).toFixed(1)} %)`;
  const gate = row.verdict === null ? [] : [`gate ${row.verdict === 'pass' ? 'passed' : 'failed'}`];
  return [score, ...gate, ...(row.outcome === null ? [] : [row.outcome]), total].join(', ');
}
