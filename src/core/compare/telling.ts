import { type Mode, modes } from '../../events/score.ts';
import type { Group } from './groups.ts';

/** An answer that is worth reading in the morning. */
export interface TellingAnswer {
  readonly run: string;
  readonly prompt: string;
  readonly repeat: number;
  /** Null: the suite's own scorer told none. */
  readonly mode: Mode | null;
}

/** Ways of going wrong that a reader learns most from, first the likeliest to be mended. */
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
 * One answer that scored nothing, of the way of answering that failed answers most often went (ties: the more instructive
 * one), the first such prompt. Null: nothing scored 0, or the single answers are gone.
 */
export function tellingAnswer(groups: readonly Group[]): TellingAnswer | null {
  const missed = groups.flatMap((group) =>
    group.done.flatMap(({ run }) =>
      (group.prompts.get(run) ?? [])
        .filter(({ score }) => score === 0)
        .map(({ id, repeat, mode }) => ({ run, prompt: id, repeat, mode })),
    ),
  );
  const rank = (mode: Mode | null): number =>
    mode !== null && instructive.includes(mode) ? instructive.indexOf(mode) : modes.length;
  const times = (mode: Mode | null): number => missed.filter((one) => one.mode === mode).length;
  const [mode] = [...new Set(missed.map((one) => one.mode))].sort((a, b) => times(b) - times(a) || rank(a) - rank(b));
  return missed.find((one) => one.mode === mode) ?? null;
}
