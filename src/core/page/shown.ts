import type { Row } from '../../events/row.ts';
import type { Group } from '../compare/groups.ts';
import { figure } from '../compare/summary.ts';
import { count } from '../format.ts';

/** A table with more than this many of the latest lines, and as many of the best, is too long to read. */
export const mostShown = 24;

/** The latest and the best items, in their order. Items with equal scores count as better if they are later. */
export function latestAndBest<T>(items: readonly T[], score: (item: T) => number | null, most: number = mostShown) {
  if (items.length <= most) return items;
  const scores = items.map(score);
  const places = items.flatMap((_, place) => (scores[place] === null ? [] : [place]));
  const best = places.sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || b - a).slice(0, most);
  const kept = new Set(best);
  return items.filter((_, place) => place >= items.length - most || kept.has(place));
}

/** `The latest 24 and the best 24 of 1,000 runs are shown.` It is empty if all are shown. */
export function shownText(shown: number, of: number, what: string, most: number = mostShown): string {
  return shown >= of ? '' : `The latest ${most} and the best ${most} of ${count(of)} ${what} are shown.`;
}

const scoreOf = ({ done, overall, strict }: Group): number | null =>
  done[0]?.score_by === 'strict' ? strict : overall;

/** Phases that these groups are compared with: their baselines, and the plain runs of a variant. */
function partnersOf(groups: readonly Group[]): ReadonlySet<string> {
  const baselines = groups.flatMap(({ done }) => done.find(({ baseline }) => baseline !== null)?.baseline?.name ?? []);
  const plain = groups.filter(({ variant }) => variant !== null).map(({ phase }) => phase.phase);
  return new Set([...baselines, ...plain].map((name) => name.toLowerCase()));
}

/** Chooses what the page shows. `groups` are all groups of `rows`, with or without their prompts. */
export function selectForPage(rows: readonly Row[], groups: readonly Group[]) {
  const chosen = new Set(latestAndBest(groups, scoreOf));
  const partners = partnersOf([...chosen]);
  const shown = groups.filter(
    (group) => chosen.has(group) || (group.variant === null && partners.has(group.phase.phase.toLowerCase())),
  );
  const runs = latestAndBest(rows, figure);
  const about = new Set([...runs, ...shown.flatMap((group) => group.rows)]);
  return {
    groups: shown,
    runs,
    // what notes and warnings are about
    rows: rows.length === about.size ? rows : rows.filter((row) => about.has(row)),
    of: { groups: groups.length, runs: rows.length },
  };
}
