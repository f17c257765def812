import { type GivenScore, givenScore, type Mode, type Score } from '../../events/score.ts';
import type { Prompt, ScorableAnswer, Suite } from '../../events/suite.ts';
import { readLines } from './answers.ts';
import {
  type AnswerPlace,
  type AnswerPoints,
  placeKey,
  repeatsIn,
  scoreAnswer,
  scoreSuiteBy,
  summarize,
} from './score.ts';

/** Scores from outside, or everything that is wrong with them, as lines for people. */
export type OutsideScore =
  | { readonly ok: true; readonly score: Score }
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * The input of a suite's `scorer`, one JSON line per answer: `{id, repeat, prompt | messages, response, error}`, with
 * `expect` and `match` if the prompt has them. Of two answers to the same (prompt, repeat) only the last is included.
 */
export function scorerInput(suite: Suite, answers: readonly ScorableAnswer[]): string {
  const prompts = new Map(suite.prompts.map((prompt) => [prompt.id, prompt]));
  const last = new Map(answers.map((answer) => [placeKey(answer), answer]));
  const lines = [...last.values()].flatMap(({ prompt: id, repeat, response, error }) => {
    const asked = prompts.get(id);
    return asked === undefined ? [] : [JSON.stringify({ id, repeat, ...askedOf(asked), response, error })];
  });
  return lines.map((line) => `${line}\n`).join('');
}

function askedOf({ prompt, messages, expect, match }: Prompt): Record<string, unknown> {
  return { ...(messages === undefined ? { prompt } : { messages }), ...(expect !== undefined && { expect, match }) };
}

/** Scores by the scorer's lines, `{id, repeat, score, mode?}`. The score (0-1) is both lenient and strict. */
export function scoreByCommand(
  suite: Suite,
  answers: readonly ScorableAnswer[],
  written: { readonly text: string; readonly repeats?: number | undefined },
): OutsideScore {
  const { given, problems } = readGiven(written.text);
  const scores = new Map(given.map((one) => [placeKey({ prompt: one.id, repeat: one.repeat }), one]));
  const asked = new Set(answers.map(placeKey));
  const foreign = given
    .filter(({ id, repeat }) => !asked.has(placeKey({ prompt: id, repeat })))
    .map(({ id, repeat }) => `no answer ${id}, repeat ${repeat}, was given to it: ${JSON.stringify({ id, repeat })}`);
  if (problems.length > 0 || foreign.length > 0) return { ok: false, problems: [...problems, ...foreign] };
  const scoreGiven = (prompt: Prompt, answer: ScorableAnswer): AnswerPoints | null => {
    const one = scores.get(placeKey(answer));
    if (one === undefined) return null;
    const mode: Mode = one.mode ?? scoreAnswer(prompt, suite.wrapper, answer).mode;
    return { score: one.score, strict: one.score, mode };
  };
  const repeats = written.repeats ?? repeatsIn(answers);
  const scored = scoreSuiteBy(suite, answers, { scoreAnswer: scoreGiven, repeats });
  if (scored.ok) return scored;
  const unknown = scored.unknown.map((id) => `${id} is not a prompt of the suite`);
  return { ok: false, problems: [...unknown, ...scored.missing.map((place) => missingText(place, asked))] };
}

const missingText = (place: AnswerPlace, asked: ReadonlySet<string>): string =>
  asked.has(placeKey(place))
    ? `no score for ${place.prompt}, repeat ${place.repeat}`
    : `no answer to ${place.prompt}, repeat ${place.repeat}`;

/** Scores by an engine's lines, `{id, repeat, score, mode?, category?}`, which may be about prompts of its own. */
export function scoreByEngine(suite: Suite, text: string): OutsideScore {
  const { given, problems } = readGiven(text);
  if (problems.length > 0) return { ok: false, problems };
  if (given.length === 0) return { ok: false, problems: ['it has no lines'] };
  const known = new Map(suite.prompts.map(({ id, category }) => [id, category]));
  const last = [...new Map(given.map((one) => [placeKey({ prompt: one.id, repeat: one.repeat }), one])).values()];
  const categories = new Map<string, string>();
  const faults: string[] = [];
  for (const { id, category } of last) {
    const own = category ?? known.get(id);
    const before = categories.get(id);
    if (own === undefined) faults.push(`${id} has no category, and the suite has no prompt of this id`);
    else if (before !== undefined && before !== own) faults.push(`${id} has two categories: ${before} and ${own}`);
    else categories.set(id, own);
  }
  if (faults.length > 0) return { ok: false, problems: [...new Set(faults)] };
  const judged = last.map(({ id, repeat, score, mode }) => ({ id, repeat, score, strict: score, mode: mode ?? null }));
  const prompts = [...categories].map(([id, category]) => ({ id, category }));
  return { ok: true, score: summarize(prompts, judged) };
}

const longestLine = 200;

/** Reads the lines of a scorer or an engine. `problems` have the number of the line, from 1, and its text. */
export function readGiven(text: string): { given: readonly GivenScore[]; problems: readonly string[] } {
  const { answers: given, problems } = readLines(text, givenScore);
  const shown = problems.map((one) => `line ${one.line}: ${one.what}: ${one.text.slice(0, longestLine)}`);
  return { given, problems: shown };
}
