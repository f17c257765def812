import { type Measured, measuredAlike } from '../score/measured.ts';
import { holm, welch } from '../stats/difference.ts';
import { allSame } from '../stats/moments.ts';
import { type ContrastFinding, findingOf } from './finding.ts';
import { type PromptChanges, promptChanges, promptTable } from './prompts.ts';
import { pooledSpread, type Spread, type Summary } from './summary.ts';

/** One category of the suite, `a` against `b`. */
export interface CategoryContrast {
  readonly name: string;
  readonly a: number;
  readonly b: number;
  readonly fixed: number;
  readonly regressed: number;
  readonly same: number;
  /** Runs with this category, of the side that has fewer. */
  readonly runs: number;
  /** Welch over runs, Holm over the categories. Null with fewer than three runs per side, or no spread. */
  readonly p: number | null;
}

/** Two groups of runs against each other. */
export interface Contrast {
  readonly a: Summary;
  readonly b: Summary;
  /** False if something that both recorded of their evaluations differs. Then nothing is compared without a note. */
  readonly alike: boolean;
  readonly measured: Measured;
  readonly finding: ContrastFinding;
  readonly spread: Spread | null;
  readonly categories: readonly CategoryContrast[];
  readonly prompts: PromptChanges;
}

export const fewestForCategories = 3;

type Table = Readonly<Record<string, number>>;

/** Categories of each independent run in percent, by the scorer of the gate. */
const tablesOf = ({ group, draws }: Summary): Table[] =>
  group.done.flatMap((row) => {
    const table = row.score_by === 'strict' ? row.strict_categories : row.categories;
    return table !== null && draws.some(({ run }) => run === row.run) ? [table] : [];
  });

function categoriesOf(a: Summary, b: Summary, given: Given): CategoryContrast[] {
  const [first, second] = [tablesOf(a), tablesOf(b)];
  const known = (tables: readonly Table[]): string[] => [...new Set(tables.flatMap((table) => Object.keys(table)))];
  const names = known(first).filter((name) => known(second).includes(name));
  const runsOf = (tables: readonly Table[], name: string): number[] => tables.flatMap((table) => table[name] ?? []);
  const tested = names.map((name) => {
    const [ours, others] = [runsOf(first, name), runsOf(second, name)];
    const runs = Math.min(ours.length, others.length);
    const enough = runs >= fewestForCategories;
    // without any spread every difference would be "p = 0"
    const tested = enough && (!allSame(ours) || !allSame(others) || allSame([...ours, ...others]));
    return { name, ours, others, runs, p: tested ? (welch(ours, others)?.p ?? null) : null };
  });
  const adjusted = holm(tested.flatMap(({ p }) => p ?? []));
  const mean = (runs: readonly number[]) => runs.reduce((sum, run) => sum + run, 0) / runs.length;
  return tested.map(({ name, ours, others, runs, p }) => {
    const own = (ids: readonly string[]) => ids.filter((id) => given.categoryOf(id) === name).length;
    const [fixed, regressed] = [own(given.changes.fixed), own(given.changes.regressed)];
    const all = own([...given.changes.differences.keys()]);
    const place = tested.filter((one) => one.p !== null).findIndex((one) => one.name === name);
    return {
      name,
      a: mean(ours),
      b: mean(others),
      fixed,
      regressed,
      same: all - fixed - regressed,
      runs,
      p: p === null ? null : (adjusted[place] ?? null),
    };
  });
}

interface Given {
  readonly changes: PromptChanges;
  readonly categoryOf: (prompt: string) => string | null;
}

/** `all` has the groups whose spreads may be pooled. `categoryOf` is null for a prompt whose suite is gone. */
export function contrast(
  [a, b]: readonly [Summary, Summary],
  all: readonly Summary[],
  categoryOf: Given['categoryOf'],
): Contrast {
  const changes = promptChanges(promptTable(a.group), promptTable(b.group));
  const spread = pooledSpread([a, b], all);
  const measured = measuredAlike([...a.group.done, ...b.group.done]);
  return {
    a,
    b,
    alike: measured.differ.length === 0,
    measured,
    finding: findingOf(a, b, { spread, changes }),
    spread,
    categories: categoriesOf(a, b, { changes, categoryOf }),
    prompts: changes,
  };
}

/** More pairs than this belong in a table of their own (`phasebox compare`), not at the top of a page. */
const mostPairs = 6;

/** A phase with its baseline, else with the next one accepted; a variant with its plain runs. Both need a score. */
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
