import type * as z from 'zod';
import { type Answer, answer as answerLine, type ScorableAnswer, scorableAnswer } from '../../events/suite.ts';
import { parseTolerant } from './tolerant-json.ts';

/** The content of answers.jsonl: the usable answers, and the lines (from 1) that cannot be used, with the reason. */
export interface ReadAnswers<A = Answer> {
  readonly answers: readonly A[];
  readonly problems: readonly { readonly line: number; readonly what: string; readonly text: string }[];
}

/** Reads answers.jsonl as phasebox wrote it. A line that is not an answer (torn by a crash) is reported. */
export const readAnswers = (text: string): ReadAnswers => readLines(text, answerLine);

/** The same for answers of any other program: fields that a score does not need may be absent or different. */
export const readScorableAnswers = (text: string): ReadAnswers<ScorableAnswer> => readLines(text, scorableAnswer);

/** Reads JSON lines. Bare NaN and Infinity, as Python writes them, are null. */
export function readLines<A>(text: string, schema: z.ZodType<A>): ReadAnswers<A> {
  const answers: A[] = [];
  const problems: ReadAnswers<A>['problems'][number][] = [];
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const read = readLine(line, schema);
    if (typeof read === 'string') problems.push({ line: index + 1, what: read, text: line });
    else answers.push(read.value);
  }
  return { answers, problems };
}

/** @returns the value, or why there is none. */
function readLine<A>(line: string, schema: z.ZodType<A>): { readonly value: A } | string {
  let value: unknown;
  try {
    value = parseTolerant(line);
  } catch {
    return 'is not valid JSON';
  }
  const checked = schema.safeParse(value);
  if (checked.success) return { value: checked.data };
  const issues = checked.error.issues.map((issue) => `${issue.path.join('.') || 'the line'}: ${issue.message}`);
  return issues.join('; ');
}

/** One line of answers.jsonl. */
export function answerText(answer: Answer): string {
  return `${JSON.stringify(answer)}\n`;
}

/** How many of the answers were asked again because they took too long. */
export const countAskedAgain = (answers: readonly Answer[]): number =>
  answers.filter(({ asked_again: times = 0 }) => times > 0).length;

/** Why a prompt has no answer. */
export type AnswerFault =
  | { readonly kind: 'timeout' }
  /** The model server refused this prompt with HTTP 400. */
  | { readonly kind: 'refused'; readonly complaint: string }
  | { readonly kind: 'other'; readonly text: string };

/** The `error` of a line in answers.jsonl. */
export function faultText(fault: AnswerFault): string {
  if (fault.kind === 'timeout') return 'TIMEOUT';
  return fault.kind === 'refused' ? `HTTP 400: ${fault.complaint}` : fault.text;
}

/** Reads what `faultText` wrote. Answers of other programs may have any text. */
export function answerFault(text: string): AnswerFault {
  if (text === 'TIMEOUT') return { kind: 'timeout' };
  const complaint = /^HTTP 400(?:: )?(.*)$/s.exec(text)?.[1];
  return complaint === undefined ? { kind: 'other', text } : { kind: 'refused', complaint };
}
