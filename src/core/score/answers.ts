import { type Answer, answer as answerLine } from '../../events/suite.ts';
import { parseTolerant } from './tolerant-json.ts';

/** answers.jsonl as read: what can be used, and which lines (from 1) cannot, and why. */
export interface ReadAnswers {
  readonly answers: readonly Answer[];
  readonly problems: readonly { readonly line: number; readonly what: string }[];
}

/** Reads answers.jsonl. A line that is no answer (one torn by a crash, say) is a problem, not an end. */
export function readAnswers(text: string): ReadAnswers {
  const answers: Answer[] = [];
  const problems: { line: number; what: string }[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const read = readLine(line);
    if (typeof read === 'string') problems.push({ line: index + 1, what: read });
    else answers.push(read);
  }
  return { answers, problems };
}

function readLine(line: string): Answer | string {
  let value: unknown;
  try {
    value = parseTolerant(line);
  } catch {
    return 'is no JSON';
  }
  const checked = answerLine.safeParse(value);
  if (checked.success) return checked.data;
  return checked.error.issues.map((issue) => `${issue.path.join('.') || 'the line'}: ${issue.message}`).join('; ');
}

/** One line of answers.jsonl. */
export function answerText(answer: Answer): string {
  return `${JSON.stringify(answer)}\n`;
}
