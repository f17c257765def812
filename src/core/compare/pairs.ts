import type { Summary } from './summary.ts';

/** More pairs than this are a table of their own (`phasebox compare`), not the head of a page. */
const mostPairs = 6;

/**
 * Which groups the page sets against each other: a phase against its baseline when that is a phase of the workspace,
 * else against the next one accepted; a variant against its phase's plain runs. Only where both have a score.
 */
export function pairsOf(summaries: readonly Summary[]): (readonly [Summary, Summary])[] {
  const scored = summaries.filter(({ mean }) => mean !== null);
  const plain = scored.filter(({ group }) => group.variant === null);
  const named = (phase: string): Summary | undefined =>
    plain.find(({ group }) => group.phase.phase.toLowerCase() === phase.toLowerCase());
  const pairs: (readonly [Summary, Summary])[] = [];
  for (const [index, summary] of plain.entries()) {
    const name = summary.group.done.find(({ baseline }) => baseline !== null)?.baseline?.name;
    const other = (name === undefined ? undefined : named(name)) ?? plain[index + 1];
    const known = pairs.some((pair) => pair.every((one) => one === summary || one === other));
    if (other !== undefined && other !== summary && !known) pairs.push([summary, other]);
  }
  for (const summary of scored) {
    const own = plain.find(({ group }) => group.phase === summary.group.phase);
    if (summary.group.variant !== null && own !== undefined) pairs.push([summary, own]);
  }
  return pairs.slice(-mostPairs);
}
