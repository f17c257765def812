import type { Score } from '../../events/score.ts';
import { stageFolder } from '../../events/stages.ts';
import type { Prompt, Suite } from '../../events/suite.ts';
import type { TellingAnswer } from '../compare/prompts.ts';
import { count, duration, none } from '../format.ts';
import { groupBy } from '../group-by.ts';
import { contentText } from '../score/read-answer.ts';
import { asText, code, details, fence, table } from './markdown.ts';
import type { Quote } from './report-prompts.ts';
import { shownText } from './shown.ts';
import type { Part, ShownAnswer } from './shown-answer.ts';

/** A run's answers with their points. `suite` is null if the suite file is gone or has changed. */
export interface AnsweredRun {
  readonly run: string;
  readonly answers: readonly ShownAnswer[];
  readonly prompts: Score['prompts'];
  readonly suite: Suite | null;
}

export interface AnswersPage {
  readonly phase: string;
  readonly title: string | null;
  /** Done runs, in order of acceptance. Of many runs, only the latest and the best. */
  readonly runs: readonly AnsweredRun[];
  /** The number of all runs, if `runs` does not have all of them. */
  readonly of?: number;
}

/** Part of an answer in a fence. If the answer is longer, it says where the rest is. */
function block({ text, left }: Part, run: string, language?: string): string {
  if (left === 0) return fence(text, language);
  const file = `${stageFolder('eval')}/answers.jsonl`;
  return `${fence(text, language)}\n\n*${count(left)} more characters are in* [${file}](${run}/${file})`;
}

function replyText({ reply, raw, error, max_tokens }: ShownAnswer, run: string): string {
  if (reply === null) {
    const why = asText(error ?? 'the response is not a chat completion');
    return [`*no answer: ${why}*`, ...(raw === null ? [] : [block(raw, run, 'json')])].join('\n\n');
  }
  const { text, thoughts, calls, cut } = reply;
  const said = text.text.trim() !== '';
  return [
    ...(thoughts.text === '' ? [] : [details('thoughts', block(thoughts, run))]),
    ...(said ? [block(text, run)] : []),
    ...(calls === null ? [] : ['called:', block(calls, run, 'json')]),
    ...(said || calls !== null ? [] : ['*said nothing*']),
    ...(cut ? [`*cut off after ${max_tokens} tokens*`] : []),
    ...(error === null ? [] : [`*${asText(error)}*`]),
  ].join('\n\n');
}

/** Points of one answer: `1`, `0.5 (strict 0)`. */
function points(score: number, strict: number): string {
  const short = (value: number) => String(Math.round(value * 100) / 100);
  return score === strict ? short(score) : `${short(score)} (strict ${short(strict)})`;
}

/** A prompt of one or more runs. Two suites may use one id for two prompts: those are two subjects. */
interface Subject {
  readonly id: string;
  readonly prompt: Prompt | null;
  readonly runs: readonly AnsweredRun[];
}

function subjectsOf(runs: readonly AnsweredRun[]): Subject[] {
  const asked = runs.flatMap((run) => {
    const ids = [...new Set(run.prompts.map(({ id }) => id))];
    return ids.map((id) => ({ id, prompt: run.suite?.prompts.find((one) => one.id === id) ?? null, run }));
  });
  const subjects = groupBy(asked, ({ id, prompt }) => JSON.stringify([id, prompt]));
  return [...subjects.values()].map((own) => ({ ...own[0], runs: own.map(({ run }) => run) }));
}

function expected({ expect, match, assert }: Prompt): string {
  if (expect === undefined)
    return assert === undefined ? 'what the scorer requires' : assert.map(assertionText).join(', ');
  const names = expect.map(code).join(', ');
  return expect.length < 2 ? names : `${match === 'all' ? 'all' : 'any'} of ${names}`;
}

const assertionText = ({ type, value, weight }: NonNullable<Prompt['assert']>[number]): string =>
  [
    code(type),
    ...(value === undefined ? [] : [code(JSON.stringify(value))]),
    ...(weight === 1 ? [] : [`x ${weight}`]),
  ].join(' ');

function sentText({ prompt, messages }: Prompt): string[] {
  if (messages === undefined) return [fence(prompt ?? '')];
  return messages.flatMap(({ role, content, tool_calls }) => [
    `*${role}*`,
    ...(content == null ? [] : [fence(contentText(content))]),
    ...(tool_calls === undefined ? [] : [fence(JSON.stringify(tool_calls, null, 2), 'json')]),
  ]);
}

/** The text of one answer, thoughts included, and what was expected, for a page that quotes it. */
export function quoteOf(run: AnsweredRun, telling: TellingAnswer): Quote {
  const answer = run.answers.findLast((one) => one.prompt === telling.prompt && one.repeat === telling.repeat);
  const prompt = run.suite?.prompts.find(({ id }) => id === telling.prompt) ?? null;
  const reply = answer?.reply ?? null;
  const parts = reply === null ? [] : [reply.thoughts.text, reply.text.text, reply.calls?.text ?? ''];
  const text = reply === null ? (answer?.error ?? '') : parts.join(' ');
  return { ...telling, text, expected: prompt === null ? null : expected(prompt).replaceAll('`', '') };
}

const anchor = (index: number): string => `prompt-${index + 1}`;

function overview(subjects: readonly Subject[], runs: readonly AnsweredRun[]): string {
  const rows = subjects.map(({ id, prompt, runs: own }, index) => [
    `[${asText(id)}](#${anchor(index)})`,
    prompt === null ? none : asText(prompt.category),
    ...runs.map((run) => {
      if (!own.includes(run)) return none;
      const marks = run.prompts.filter((one) => one.id === id);
      return marks
        .map(({ score, strict, mode }) => [points(score, strict), ...(mode === null ? [] : [mode])].join(' '))
        .join(', ');
    }),
  ]);
  return table(['prompt', 'category', ...runs.map(({ run }) => asText(run))], rows);
}

function answered(run: AnsweredRun, id: string): string[] {
  const repeats = run.prompts.filter((prompt) => prompt.id === id);
  return repeats.map(({ repeat, score, strict, mode }) => {
    const which = repeats.length > 1 ? `, repeat ${repeat + 1} of ${repeats.length}` : '';
    const answer = run.answers.findLast((one) => one.prompt === id && one.repeat === repeat);
    const again = answer?.asked_again === undefined ? '' : `, asked again with ${count(answer.max_tokens)} tokens`;
    const took = answer === undefined ? '' : `, ${duration(answer.seconds)}${again}`;
    const heading = `**${asText(run.run)}**${which}: ${points(score, strict)}${mode === null ? '' : `, ${mode}`}${took}`;
    return `${heading}\n\n${answer === undefined ? '*the answer is not kept*' : replyText(answer, run.run)}`;
  });
}

function section({ id, prompt, runs }: Subject, index: number): string {
  const asked =
    prompt === null
      ? ['*The suite was changed or deleted, so the prompt cannot be shown.*']
      : [...sentText(prompt), `Expected: ${expected(prompt)}`];
  const heading = `## <a id="${anchor(index)}"></a>${asText(id)}${prompt === null ? '' : ` (${asText(prompt.category)})`}`;
  return [heading, ...asked, ...runs.flatMap((run) => answered(run, id))].join('\n\n');
}

function leftOut(shown: number, of: number): string[] {
  const text = shownText(shown, of, 'runs');
  return text === '' ? [] : [`${text} The answers of each run are in ${code('RUN/6-eval/answers.jsonl')}.`];
}

/** artifacts/<phase>/answers.md: every answer of a phase, prompt by prompt, with the answers of all runs together. */
export function renderAnswers({ phase, title, runs, of = runs.length }: AnswersPage): string {
  const subjects = subjectsOf(runs);
  const parts = [
    `# Answers of ${asText(title === null ? phase : `${phase} (${title})`)}`,
    'Each answer has 0 to 1 points by the lenient rules. If its points by the strict rules differ, they follow in parentheses. [The report](../COMPARISON.md)',
    ...leftOut(runs.length, of),
    overview(subjects, runs),
    ...subjects.map(section),
  ];
  return `${parts.join('\n\n')}\n`;
}
