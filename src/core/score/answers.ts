import type * as z from 'zod';
import { type Answer, answer as answerLine, type ScorableAnswer, scorableAnswer } from '../../events/suite.ts';
import { parseTolerant } from './tolerant-json.ts';

/** The content of answers.jsonl: the usable answers, and the lines (from 1) that cannot be used, with the reason. */
export interface ReadAnswers<A = Answer> {
  readonly answers: readonly A[];
  readonly problems: readonly { readonly line: number; readonly what: string }[];
}

/**
 * Reads answers.jsonl as phasebox wrote it. A line that is not an answer (torn by a crash, for example) is reported and
 * skipped.
 */
export const readAnswers = (text: string): ReadAnswers => readLines(text, answerLine);

/** The same for answers of any other program: fields that a score does not need may be absent or different. */
export const readScorableAnswers = (text: string): ReadAnswers<ScorableAnswer> => readLines(text, scorableAnswer);

function readLines<A>(text: string, schema: z.ZodType<A>): ReadAnswers<A> {
  const answers: A[] = [];
  const problems: { line: number; what: string }[] = [];
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    if (line.trim() === '') continue;
    const read = readLine(line, schema);
    if ('what' in read) problems.push({ line: index + 1, what: read.what });
    else answers.push(read.answer);
  }
  return { answers, problems };
}

function readLine<A>(line: string, schema: z.ZodType<A>): { readonly answer: A } | { readonly what: string } {
  let value: unknown;
  try {
    value = parseTolerant(line);
  } catch {
    return { what: 'is not valid JSON' };
  }
  const checked = schema.safeParse(value);
  if (checked.success) return { answer: checked.data };
  const issues = checked.error.issues.map((issue) => `${issue.path.join('.') || 'the line'}: ${issue.message}`);
  return { what: issues.join('; ') };
}

/** One line of answers.jsonl. */
export function answerText(answer: Answer): string {
  return `${JSON.stringify(answer)}\n`;
}
