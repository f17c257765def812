import { type Mode, modes } from '../../events/score.ts';
import type { Group } from './groups.ts';
import { misses } from './prompts.ts';

/** An answer that is worth reading in the morning. */
export interface TellingAnswer {
  readonly run: string;
  readonly prompt: string;
  readonly repeat: number;
  /** Null if the suite's own scorer gave none. */
  readonly mode: Mode | null;
}

/** Modes that teach a reader most, beginning with those that are easiest to fix. */
const instructive: readonly Mode[] = [
  'thinking',
  'cut',
  'prose',
  'wrong_tool',
  'empty',
  'direct_call',
  'error',
  'timeout',
];

/**
 * One answer that missed by the scorer of its gate, with the most frequent mode of such answers (of equally frequent
 * ones the more instructive), for the first such prompt. Null if nothing was missed, or if the single answers are not
 * available.
 */
export function tellingAnswer(groups: readonly Group[]): TellingAnswer | null {
  const missed = groups.flatMap((group) =>
    group.done.flatMap(({ run, score_by }) =>
      (group.prompts.get(run) ?? [])
        .filter(({ score, strict }) => misses(score_by === 'strict' ? strict : score))
        .map(({ id, repeat, mode }) => ({ run, prompt: id, repeat, mode })),
    ),
  );
  const rank = (mode: Mode | null): number =>
    mode !== null && instructive.includes(mode) ? instructive.indexOf(mode) : modes.length;
  const times = (mode: Mode | null): number => missed.filter((one) => one.mode === mode).length;
  const [mode] = [...new Set(missed.map((one) => one.mode))].sort((a, b) => times(b) - times(a) || rank(a) - rank(b));
  return missed.find((one) => one.mode === mode) ?? null;
}
