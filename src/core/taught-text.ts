import type { DataProfile, TaughtCounts } from '../events/data-report.ts';
import { count, percentOf, share } from './format.ts';

/** What the trained answers are: calls, text, something else, or nothing. */
function answersText({ masked, answers }: TaughtCounts): string[] {
  const kinds = [
    [answers.call, masked ? 'end in a tool call' : 'have a tool call'],
    [answers.prose, masked ? 'end in text without a tool call' : 'are text without a tool call'],
    [answers.other, masked ? 'train on something other than their answer' : 'differ from the text of their example'],
    [answers.nothing, masked ? 'train on nothing' : 'are cut off completely'],
  ] as const;
  const all = `${count(answers.total)} ${masked ? 'training examples' : 'trained answers'}`;
  return kinds
    .filter(([number]) => number > 0)
    .map(([number, what]) => `${count(number)} of ${all} (${shortPercent(number, answers.total)}) ${what}`);
}

/** `40.6 %`, `6 %`. */
const shortPercent = (part: number, whole: number): string => percentOf(part, whole).replace('.0 ', ' ');

/** What is and is never trained on: one sentence per fact, without periods. Rows of 0.1.0 only have first answers. */
export function taughtText({ taught, first_answers }: Pick<DataProfile, 'taught' | 'first_answers'>): string[] {
  if (taught === undefined) {
    if (first_answers === undefined) return [];
    return [
      `${share(first_answers.prose)} of first answers are text without a tool call, ${share(first_answers.call)} have a tool call`,
    ];
  }
  const { calls, turns } = taught;
  const never = ({ never_taught: number, total }: TaughtCounts['calls'], what: string): string[] =>
    number > 0 ? [`${count(number)} of ${count(total)} ${what} are never trained on`] : [];
  return [...answersText(taught), ...never(calls, 'calls'), ...never(turns, 'assistant turns')];
}
