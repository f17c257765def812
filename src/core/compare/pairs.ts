import type { Summary } from './summary.ts';

/** More pairs than this belong in a table of their own (`phasebox compare`), not at the top of a page. */
const mostPairs = 6;

/**
 * Which groups the page compares: a phase with its baseline if that is a phase of the workspace, else with the next one
 * accepted, and a variant with its phase's plain runs. Both must have a score.
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
