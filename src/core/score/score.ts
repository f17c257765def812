import { type Mode, modes, type Score } from '../../events/score.ts';
import type { Answer, Prompt, Suite } from '../../events/suite.ts';
import { type ReadAnswer, readAnswer } from './read-answer.ts';

/** Part of every eval identity: to be raised when a rule below changes, so that old and new scores are told apart. */
export const scorerVersion = 1;

/** One answer judged: 0-1 each, `score` by the lenient rules. */
export interface Judged {
  readonly score: number;
  readonly strict: number;
  readonly mode: Mode;
}

const shareOf = <T>(items: readonly T[], holds: (item: T) => boolean): number =>
  items.filter(holds).length / items.length;

/** The points of one answer (README, "Scores"). Never throws, whatever came back. */
export function judge(prompt: Prompt, wrapper: string, answer: Answer): Judged {
  if (answer.error !== null) return { score: 0, strict: 0, mode: answer.error === 'TIMEOUT' ? 'timeout' : 'error' };
  const read = readAnswer(answer.response, wrapper);
  // Neither an error nor a chat completion: nothing that can be judged came back.
  if (read === null) return { score: 0, strict: 0, mode: 'error' };
  const { deciding } = read;
  if (deciding?.name === wrapper) {
    const score = wrapped(prompt, (name) => deciding.code.includes(name));
    const strict = wrapped(prompt, (name) => holdsIdentifier(deciding.code, name));
    return { score, strict, mode: score > 0.1 ? 'wrapped' : 'wrong_tool' };
  }
  return { ...unwrapped(prompt, read), mode: modeWithoutWrapper(prompt, read) };
}

/** With the wrapper: by the expected names in its code. */
function wrapped(prompt: Prompt, found: (name: string) => boolean): number {
  if (prompt.match === 'all') return Math.min(1, shareOf(prompt.expect, found) + 0.1);
  return prompt.expect.some(found) ? 1 : 0.1;
}

/** Without it: lenient by names anywhere in the answer, strict by what is called. */
function unwrapped(prompt: Prompt, read: ReadAnswer): { score: number; strict: number } {
  // Calls are looked at as decoded, too: native ones are not in the text, and JSON may spell a name with escapes.
  const parts = read.calls.flatMap((call) => (call.raw === null ? [] : [call.name, call.code, call.raw]));
  const said = (name: string): boolean => [read.text, ...parts].some((part) => part.includes(name));
  const called = (name: string): boolean => read.calls.some((call) => call.name === name);
  if (prompt.match === 'all')
    return { score: shareOf(prompt.expect, said), strict: 0.5 * shareOf(prompt.expect, called) };
  const direct = read.deciding !== null && prompt.expect.includes(read.deciding.name);
  return { score: prompt.expect.some(said) ? 0.5 : 0, strict: direct ? 0.5 : 0 };
}

/** Without a wrapper call the first call tells whether it was a direct one or a wrong one. */
function modeWithoutWrapper(prompt: Prompt, read: ReadAnswer): Mode {
  const { deciding, thought, cut } = read;
  const silent = read.text.trim() === '' && deciding === null;
  if (silent && !thought) return 'empty';
  if (deciding !== null) return prompt.expect.includes(deciding.name) ? 'direct_call' : 'wrong_tool';
  if (cut) return 'cut';
  return silent ? 'thinking' : 'prose';
}

const startsIdentifier = /^[\p{ID_Continue}$]/u;
const endsIdentifier = /[\p{ID_Continue}$]$/u;

/** True if `name` stands in `code` as a whole: an identifier does not go on at either side of it. */
function holdsIdentifier(code: string, name: string): boolean {
  if (!code.includes(name)) return false;
  const literal = name.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  const before = startsIdentifier.test(name) ? '(?<![\\p{ID_Continue}$])' : '';
  const after = endsIdentifier.test(name) ? '(?![\\p{ID_Continue}$])' : '';
  return new RegExp(`${before}${literal}${after}`, 'u').test(code);
}

/** A place in the table of answers. */
export interface Place {
  readonly prompt: string;
  readonly repeat: number;
}

/** The score, or why there is none: answers that are missing, and ids that the suite does not have. */
export type SuiteScore =
  | { readonly ok: true; readonly score: Score }
  | { readonly ok: false; readonly missing: readonly Place[]; readonly unknown: readonly string[] };

const placeKey = (place: Place): string => `${place.repeat} ${place.prompt}`;

/**
 * Scores the answers to a suite. Of two lines for the same (prompt, repeat) the last counts. `repeats` absent: as many
 * as the highest repeat in the answers says.
 */
export function scoreSuite(suite: Suite, answers: readonly Answer[], repeats?: number): SuiteScore {
  const known = new Set(suite.prompts.map((prompt) => prompt.id));
  const unknown = [...new Set(answers.map((answer) => answer.prompt).filter((id) => !known.has(id)))];
  const byPlace = new Map(answers.map((answer) => [placeKey(answer), answer]));
  const highest = answers.reduce((most, answer) => Math.max(most, answer.repeat + 1), 1);
  // A complete table cannot have more repeats than lines, whatever figure one of them bears.
  const count = repeats ?? Math.max(1, Math.min(highest, answers.length));
  const places = suite.prompts.flatMap((prompt) => Array.from({ length: count }, (_, repeat) => ({ prompt, repeat })));
  const judged = places.map(({ prompt, repeat }) => {
    const answer = byPlace.get(placeKey({ prompt: prompt.id, repeat }));
    return { prompt, repeat, judged: answer === undefined ? null : judge(prompt, suite.wrapper, answer) };
  });
  const missing = judged
    .filter((one) => one.judged === null)
    .map(({ prompt, repeat }) => ({ prompt: prompt.id, repeat }));
  if (missing.length > 0 || unknown.length > 0) return { ok: false, missing, unknown };
  return {
    ok: true,
    score: summary(
      suite,
      judged.flatMap((one) => (one.judged === null ? [] : [{ id: one.prompt.id, repeat: one.repeat, ...one.judged }])),
    ),
  };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const percent = (share: number): number => Math.min(100, 100 * share);

/** A prompt is the mean of its repeats; categories and overall are means over prompts. */
function summary(suite: Suite, prompts: Score['prompts']): Score {
  const means = suite.prompts.map((prompt) => {
    const own = prompts.filter((one) => one.id === prompt.id);
    return {
      category: prompt.category,
      score: mean(own.map((one) => one.score)),
      strict: mean(own.map((one) => one.strict)),
    };
  });
  const byCategory = (value: (one: (typeof means)[number]) => number): Record<string, number> =>
    Object.fromEntries(
      [...new Set(means.map((one) => one.category))].map((category) => [
        category,
        percent(mean(means.filter((one) => one.category === category).map(value))),
      ]),
    );
  const count = (mode: Mode): number => prompts.filter((one) => one.mode === mode).length;
  return {
    overall: percent(mean(means.map((one) => one.score))),
    strict: percent(mean(means.map((one) => one.strict))),
    categories: byCategory((one) => one.score),
    strict_categories: byCategory((one) => one.strict),
    modes: Object.fromEntries(modes.map((mode) => [mode, count(mode)])) as Score['modes'],
    prompts,
  };
}
