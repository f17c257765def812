import type { JournalLine } from '../../events/run.ts';
import type { StageName } from '../../events/stages.ts';

/** A period in milliseconds since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * The seconds that an attempt worked under earlier processes of `up`, or null if it has not begun: those counted in its
 * `resumed` line, and after it the `spans` of the tools, since a process that ended left no count of its own.
 */
export function workedBefore(
  journal: readonly JournalLine[],
  { stage, attempt }: { readonly stage: StageName; readonly attempt: number },
  { spans, now }: { readonly spans: readonly Span[]; readonly now: number },
): number | null {
  const own = journal.filter((line) => 'attempt' in line && line.stage === stage && line.attempt === attempt);
  const begun = own.find(({ event }) => event === 'reserved');
  if (begun === undefined) return null;
  const resumed = own.findLast((line) => line.event === 'resumed');
  const counted = resumed?.event === 'resumed' ? resumed.seconds : 0;
  return counted + secondsWithin(spans, { from: Date.parse((resumed ?? begun).at), to: now });
}

function secondsWithin(spans: readonly Span[], window: Span): number {
  let covered = 0;
  let end = window.from;
  for (const { from, to } of spans.toSorted((a, b) => a.from - b.from)) {
    const [start, stop] = [Math.max(from, end), Math.min(to, window.to)];
    if (stop <= start) continue;
    covered += stop - start;
    end = stop;
  }
  return covered / 1000;
}
