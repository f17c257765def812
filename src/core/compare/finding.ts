import { type Difference, type Equivalence, equivalence, oneMoreDraw, paired, welch } from '../stats/difference.ts';
import type { Interval } from '../stats/interval.ts';
import { allSame } from '../stats/moments.ts';
import { detectableDifference, recipeFalseAlarm, runsNeeded } from '../stats/power.ts';
import { signFlip } from '../stats/sign-flip.ts';
import type { PromptChanges } from './prompts.ts';
import type { Spread, Summary } from './summary.ts';

/** Runs of both sides that share their training. */
export interface SharedRuns {
  readonly pairs: number;
  /** Runs without a pair, because the other half has no score. They are left out of everything here. */
  readonly unpaired: number;
}

type Tested = Pick<Difference, 'difference' | 'low' | 'high' | 'p'>;

/** What can be said of the difference, depending on the number of runs. Percent points, `a - b`. */
export type ContrastFinding =
  | { readonly kind: 'nothing'; readonly why: string }
  /** Two or more runs per side: a statement about the recipes. */
  | ({
      readonly kind: 'recipes';
      readonly equivalent: Equivalence['answer'];
      /** The smallest difference that these runs would find in 4 of 5 cases. */
      readonly detectable: number;
      /** Runs per side that would find this difference. `low` and `high` follow from the interval of the spread. */
      readonly needed: Interval;
    } & Tested)
  /** The same, but the runs (or pairs) of a side are all alike, so nothing shows how far another would differ. */
  | { readonly kind: 'flat'; readonly difference: number; readonly shared: SharedRuns | null }
  /** A variant against the runs that it branches off: pairs that share their training. */
  | ({ readonly kind: 'pairs'; readonly shared: SharedRuns } & Tested)
  /** One run against several: could it be one more of them? */
  | {
      readonly kind: 'draw';
      readonly single: 'a' | 'b';
      readonly difference: number;
      readonly p: number;
    }
  /** One run each: a statement about these two models, not about their recipes. */
  | {
      readonly kind: 'models';
      /** There is more than one run, all of exactly the same model. */
      readonly again: boolean;
      readonly difference: number;
      readonly p: number | null;
      readonly simulated: boolean;
      /** How often "they differ" would be wrong about recipes, 0-1. Null if the spread of runs is not known. */
      readonly falseAlarm: number | null;
    };

/** Points of 100: a smaller difference counts as the same. */
export const margin = 5;

const values = (summary: Summary): number[] => summary.draws.map(({ overall }) => overall);

/** Compares `a` with `b`, as far as the number of runs allows. */
export function findingOf(
  a: Summary,
  b: Summary,
  given: { spread: Spread | null; changes: PromptChanges },
): ContrastFinding {
  const [ours, others] = [values(a), values(b)];
  if (a.mean === null || b.mean === null) {
    const without = [a, b].filter(({ mean }) => mean === null).map(({ group }) => group.name);
    return { kind: 'nothing', why: `no run of ${without.join(' and of ')} is done` };
  }
  const difference = a.mean - b.mean;
  const shared = sharedTrainings(a, b);
  if (shared.scores.length >= 2) return pairs(shared);
  if (ours.length >= 2 && others.length >= 2 && allSame(ours) && allSame(others))
    return { kind: 'flat', difference, shared: null };
  if (ours.length >= 2 && others.length >= 2) return recipes(ours, others, given.spread);
  if (ours.length === 1 && others.length === 1) return models(a, b, { ...given, difference });
  const [single, several] = ours.length === 1 ? [a.mean, others] : [b.mean, ours];
  const draw = allSame(several) ? null : oneMoreDraw(single, several);
  return draw === null
    ? { kind: 'nothing', why: 'all runs of one side have the same score' }
    : { kind: 'draw', single: ours.length === 1 ? 'a' : 'b', difference, p: draw.p };
}

/** Scores of the runs of which one branches off the other ([of a, of b]), and how many runs are in no such pair. */
interface Shared {
  readonly scores: readonly (readonly [number, number])[];
  readonly unpaired: number;
}

function sharedTrainings(a: Summary, b: Summary): Shared {
  const pair = (ours: unknown, others: unknown) => {
    const [one, other] = [a.draws.find(({ run }) => run === ours), b.draws.find(({ run }) => run === others)];
    return one === undefined || other === undefined ? [] : [[one, other] as const];
  };
  const found = [
    ...a.group.done.flatMap(({ run, from }) => pair(run, from?.run)),
    ...b.group.done.flatMap(({ run, from }) => pair(from?.run, run)),
  ];
  return {
    scores: found.map(([one, other]) => [one.overall, other.overall]),
    unpaired: a.draws.length + b.draws.length - new Set(found.flat()).size,
  };
}

/** Scores are 0-100, so no difference is beyond 100 points, whatever a t interval says. */
const possible = ({ difference, low, high, p }: Tested): Tested => ({
  ...{ difference, low: Math.max(-100, low), high: Math.min(100, high), p },
});

function pairs({ scores, unpaired }: Shared): ContrastFinding {
  const [ours, others] = [scores.map(([one]) => one), scores.map(([, other]) => other)];
  const found = paired(ours, others);
  if (found === null) throw new Error('two pairs always have a difference');
  const shared = { pairs: scores.length, unpaired };
  if (allSame([found.low, found.high])) return { kind: 'flat', difference: found.difference, shared };
  return { kind: 'pairs', shared, ...possible(found) };
}

function recipes(ours: readonly number[], others: readonly number[], spread: Spread | null): ContrastFinding {
  const found = welch(ours, others);
  const same = equivalence(ours, others, margin);
  if (found === null || same === null) throw new Error('two runs a side always have a difference');
  if (spread === null)
    return {
      kind: 'nothing',
      why: 'their runs were measured in different ways, so the variance between runs is unknown',
    };
  const needed = (sd: number): number => runsNeeded(found.difference, sd);
  return {
    kind: 'recipes',
    ...possible(found),
    equivalent: same.answer,
    detectable: detectableDifference(spread.sd, { a: ours.length, b: others.length }),
    needed: { low: needed(spread.range.low), high: needed(spread.range.high) },
  };
}

function models(
  a: Summary,
  b: Summary,
  { spread, changes, difference }: { spread: Spread | null; changes: PromptChanges; difference: number },
): ContrastFinding {
  const flipped = [...changes.differences.values()];
  const seed = [a, b].map(({ runs }) => runs[0]?.run ?? '').join(' ');
  const test = flipped.length === 0 ? null : signFlip(flipped, seed);
  return {
    kind: 'models',
    again: a.runs.length + b.runs.length > 2,
    difference,
    p: test?.p ?? null,
    simulated: test?.simulated ?? false,
    falseAlarm: spread === null ? null : recipeFalseAlarm(spread.sd),
  };
}
