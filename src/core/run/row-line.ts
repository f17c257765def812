import type { RowHead } from '../../events/row.ts';
import { duration } from '../words.ts';

/** `done in 50 min 3 s: 82.4 % (strict 80.6 %), gate passed, outcome "low"`, or why there is no score. */
export function rowLine(row: RowHead): string {
  const { status, error } = row;
  if (status === 'done') return `done ${resultText(row)}`;
  const code = error === null || status === 'cancelled' ? '' : ` (${error.code})`;
  return `${status} after ${took(row)}${code}${error === null ? '' : `: ${error.message}`}`;
}

/** `in 50 min 3 s: 82.4 % (strict 80.6 %), gate passed, outcome "low"`: the result of a done run. */
export function resultText(row: RowHead): string {
  const { overall, strict, verdict, outcome } = row;
  const score = overall === null ? 'no score' : `${overall.toFixed(1)} % (strict ${(strict ?? 0).toFixed(1)} %)`;
  const gate = verdict === null ? [] : [`gate ${verdict === 'pass' ? 'passed' : 'failed'}`];
  return `in ${took(row)}: ${[score, ...gate, ...(outcome === null ? [] : [`outcome "${outcome}"`])].join(', ')}`;
}

const took = ({ seconds }: RowHead): string => duration(Object.values(seconds).reduce((sum, one) => sum + one, 0));
