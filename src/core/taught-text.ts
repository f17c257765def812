import type { DataProfile, TaughtCounts } from '../events/profile.ts';
import { count, percentOf, share } from './format.ts';

/** What the answers teach: prose, calls, something else, or nothing. */
function answersText({ masked, answers }: TaughtCounts): string[] {
  const of = masked ? `of ${count(answers.total)} rows teach` : `of ${count(answers.total)} taught answers are`;
  const kinds = [
    [answers.call, 'calls'],
    [answers.prose, 'prose'],
    [answers.other, masked ? 'something else than their answer' : 'not what their row says'],
    [answers.nothing, masked ? 'nothing' : 'cut off as a whole'],
  ] as const;
  return kinds
    .filter(([number]) => number > 0)
    .map(([number, what]) => `${count(number)} ${of} ${what} (${percentOf(number, answers.total)})`);
}

/**
 * Which answers a training teaches and which it never does, as one phrase per fact. Rows of 0.1.0 only have first
 * answers.
 */
export function taughtText({ taught, first_answers }: Pick<DataProfile, 'taught' | 'first_answers'>): string[] {
  if (taught === undefined) {
    if (first_answers === undefined) return [];
    return [`${share(first_answers.prose)} of first answers are prose, ${share(first_answers.call)} calls`];
  }
  const { calls, turns } = taught;
  const never = [
    [calls, 'calls'],
    [turns, 'assistant turns'],
  ] as const;
  return [
    ...answersText(taught),
    ...never
      .filter(([{ never_taught }]) => never_taught > 0)
      .map(([{ never_taught, total }, what]) => `${count(never_taught)} of ${count(total)} ${what} are never taught`),
  ];
}
