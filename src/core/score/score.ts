import { expectedCall } from '../../events/assertion.ts';
import { type Mode, modes, type Score, wrapperAlone } from '../../events/score.ts';
import type { Prompt, ScorableAnswer, Suite } from '../../events/suite.ts';
import { groupBy } from '../group-by.ts';
import { answerFault } from './answers.ts';
import { assertedShare } from './assert.ts';
import { type ReadAnswer, readAnswer } from './read-answer.ts';

/** Part of every eval identity. Raise it when a rule here or in calls.ts, read-answer.ts or assert.ts changes. */
export const scorerVersion = 1;

/** The points of one answer, 0-1 each. `score` follows the lenient rules. */
export interface AnswerPoints {
  readonly score: number;
  readonly strict: number;
  readonly mode: Mode;
}

const shareOf = <T>(items: readonly T[], holds: (item: T) => boolean): number =>
  items.filter(holds).length / items.length;

/** The points of one answer (docs/suites.md, "Scores"). Never throws, whatever the response is. */
export function scoreAnswer(prompt: Prompt, wrapper: string, answer: ScorableAnswer): AnswerPoints {
  if (answer.error !== null)
    return { score: 0, strict: 0, mode: answerFault(answer.error).kind === 'timeout' ? 'timeout' : 'error' };
  const read = readAnswer(answer.response, wrapper);
  // Neither an error nor a chat completion: the response has nothing to score.
  if (read === null) return { score: 0, strict: 0, mode: 'error' };
  if (prompt.expect === undefined) return scoreAsserted(prompt, wrapper, read);
  const expected: Expected = { names: prompt.expect, match: prompt.match };
  const { deciding } = read;
  if (deciding?.name === wrapper) {
    const score = wrapped(expected, (name) => deciding.code.includes(name));
    const strict = wrapped(expected, (name) => holdsIdentifier(deciding.code, name));
    return { score, strict, mode: score > wrapperAlone ? 'wrapped' : 'wrong_tool' };
  }
  return { ...unwrapped(expected, read), mode: modeWithoutWrapper(prompt.expect, read) };
}

interface Expected {
  readonly names: readonly string[];
  readonly match: Prompt['match'];
}

/** By `assert`: lenient and strict are the same, and only the names in a `tool-call` make a call wrong. */
function scoreAsserted({ assert = [] }: Prompt, wrapper: string, read: ReadAnswer): AnswerPoints {
  const names = assert.flatMap((one) => {
    const wanted = one.type === 'tool-call' ? expectedCall.safeParse(one.value).data : undefined;
    return wanted === undefined ? [] : [typeof wanted === 'string' ? wanted : wanted.name];
  });
  const share = assert.length === 0 ? 0 : assertedShare(assert, read);
  const { deciding } = read;
  if (deciding?.name !== wrapper) return { score: share, strict: share, mode: modeWithoutWrapper(names, read) };
  const right = names.length === 0 || names.some((name) => name === wrapper || deciding.code.includes(name));
  return { score: share, strict: share, mode: right ? 'wrapped' : 'wrong_tool' };
}

/** With the wrapper: by the expected names in its code. */
function wrapped({ names, match }: Expected, found: (name: string) => boolean): number {
  if (match === 'all') return Math.min(1, shareOf(names, found) + wrapperAlone);
  return names.some(found) ? 1 : wrapperAlone;
}

/** Without the wrapper: lenient by names anywhere in the answer, strict by the called functions. */
function unwrapped({ names, match }: Expected, read: ReadAnswer): { score: number; strict: number } {
  // Decoded calls are searched too: native ones are not in the text, and JSON may spell a name with escapes.
  const parts = read.calls.flatMap((call) => (call.raw === null ? [] : [call.name, call.code, call.raw]));
  const said = (name: string): boolean => [read.text, ...parts].some((part) => part.includes(name));
  const called = (name: string): boolean => read.calls.some((call) => call.name === name);
  if (match === 'all') return { score: shareOf(names, said), strict: 0.5 * shareOf(names, called) };
  const direct = read.deciding !== null && names.includes(read.deciding.name);
  return { score: names.some(said) ? 0.5 : 0, strict: direct ? 0.5 : 0 };
}

/** Without a wrapper call, the first call decides between direct and wrong. If `names` is empty, none is wrong. */
function modeWithoutWrapper(names: readonly string[], read: ReadAnswer): Mode {
  const { deciding, thought, cut } = read;
  const silent = read.text.trim() === '' && deciding === null;
  if (silent && !thought) return 'empty';
  if (deciding !== null) return names.length === 0 || names.includes(deciding.name) ? 'direct_call' : 'wrong_tool';
  if (cut) return 'cut';
  return silent ? 'thinking' : 'prose';
}

const startsIdentifier = /^[\p{ID_Continue}$]/u;
const endsIdentifier = /[\p{ID_Continue}$]$/u;

/** True if `name` is a whole identifier in `code`: the identifier does not continue on either side. */
function holdsIdentifier(code: string, name: string): boolean {
  if (!code.includes(name)) return false;
  const literal = name.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  const before = startsIdentifier.test(name) ? '(?<![\\p{ID_Continue}$])' : '';
  const after = endsIdentifier.test(name) ? '(?![\\p{ID_Continue}$])' : '';
  return new RegExp(`${before}${literal}${after}`, 'u').test(code);
}

/** A position in the table of answers. */
export interface AnswerPlace {
  readonly prompt: string;
  readonly repeat: number;
}

/** The score, or why there is none: missing answers, and ids that are not in the suite. */
export type SuiteScore =
  | { readonly ok: true; readonly score: Score }
  | { readonly ok: false; readonly missing: readonly AnswerPlace[]; readonly unknown: readonly string[] };

export const placeKey = (place: AnswerPlace): string => `${place.repeat} ${place.prompt}`;

/** Gives an answer its points, or null if it has none. */
export type ScoreAnswer = (prompt: Prompt, answer: ScorableAnswer) => AnswerPoints | null;

/**
 * Scores the answers to a suite by our own rules (`expect`, `assert`). Of two lines for the same (prompt, repeat) the
 * last counts. If `repeats` is absent, it is the highest repeat in the answers. A suite with a `scorer` is scored by
 * the output of its command: `scoreByCommand` (scorer.ts). Calling this for it is a programming error, and throws.
 */
export function scoreSuite(suite: Suite, answers: readonly ScorableAnswer[], repeats?: number): SuiteScore {
  if (suite.scorer !== undefined) throw new Error(`the suite ${suite.suite} is scored by its own command`);
  const scoreOne: ScoreAnswer = (prompt, answer) => scoreAnswer(prompt, suite.wrapper, answer);
  return scoreSuiteBy(suite, answers, { scoreAnswer: scoreOne, repeats });
}

/** The same with any scoring function. An answer without points counts as missing. */
export function scoreSuiteBy(
  suite: Suite,
  answers: readonly ScorableAnswer[],
  by: { readonly scoreAnswer: ScoreAnswer; readonly repeats?: number | undefined },
): SuiteScore {
  const known = new Set(suite.prompts.map((prompt) => prompt.id));
  const unknown = [...new Set(answers.map((answer) => answer.prompt).filter((id) => !known.has(id)))];
  const byPlace = new Map(answers.map((answer) => [placeKey(answer), answer]));
  const missing: AnswerPlace[] = [];
  const judged: Score['prompts'] = [];
  for (const prompt of suite.prompts)
    for (let repeat = 0; repeat < (by.repeats ?? repeatsIn(answers)); repeat++) {
      const answer = byPlace.get(placeKey({ prompt: prompt.id, repeat }));
      const points = answer === undefined ? null : by.scoreAnswer(prompt, answer);
      if (points === null) missing.push({ prompt: prompt.id, repeat });
      else judged.push({ id: prompt.id, repeat, ...points });
    }
  if (missing.length > 0 || unknown.length > 0) return { ok: false, missing, unknown };
  return { ok: true, score: summarize(suite.prompts, judged) };
}

/** How often each prompt was asked. A complete table cannot have more repeats than lines, whatever they say. */
export function repeatsIn(answers: readonly ScorableAnswer[]): number {
  const highest = answers.reduce((most, answer) => Math.max(most, answer.repeat + 1), 1);
  return Math.max(1, Math.min(highest, answers.length));
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const percent = (share: number): number => Math.min(100, 100 * share);

/** A prompt's score is the mean of its repeats, categories and overall are means of prompts, modes count answers. */
export function summarize(prompts: readonly Pick<Prompt, 'id' | 'category'>[], judged: Score['prompts']): Score {
  const answers = groupBy(judged, ({ id }) => id);
  const means = prompts.map(({ id, category }) => {
    const own = answers.get(id) ?? [];
    return { id, category, score: mean(own.map((one) => one.score)), strict: mean(own.map((one) => one.strict)) };
  });
  const categories = [...groupBy(means, ({ category }) => category)];
  const inEach = <T>(value: (own: readonly (typeof means)[number][]) => T): Record<string, T> =>
    Object.fromEntries(categories.map(([category, own]) => [category, value(own)]));
  return {
    overall: percent(mean(means.map((one) => one.score))),
    strict: percent(mean(means.map((one) => one.strict))),
    categories: inEach((own) => percent(mean(own.map((one) => one.score)))),
    strict_categories: inEach((own) => percent(mean(own.map((one) => one.strict)))),
    modes: countModes(judged),
    category_modes: inEach((own) => countModes(own.flatMap(({ id }) => answers.get(id) ?? []))),
    prompts: judged,
  };
}

function countModes(judged: Score['prompts']): Score['modes'] {
  const count = (mode: Mode): number => judged.filter((one) => one.mode === mode).length;
  return Object.fromEntries(modes.map((mode) => [mode, count(mode)])) as Score['modes'];
}
