import { createHash } from 'node:crypto';
import { StageError } from '../../core/errors.ts';
import { openQueue } from '../../core/keyed-lock.ts';
import { type AnswerFault, answerFault, answerText, countAskedAgain, readAnswers } from '../../core/score/answers.ts';
import { chatRequest, maxTokens } from '../../core/score/chat.ts';
import { asObject } from '../../core/score/tolerant-json.ts';
import { openSlope } from '../../core/slope.ts';
import type { Score } from '../../events/score.ts';
import type { Settings } from '../../events/stages.ts';
import type { Answer, Prompt, Suite } from '../../events/suite.ts';
import type { ModelServer, StageContext } from './stage.ts';

/** The suite and its settings, which all servers of one eval have in common. */
export interface EvalSetup {
  readonly suite: Suite;
  readonly settings: Settings<'eval'>;
  /** Number of tokens of each rendered prompt, by id. Absent if not known. */
  readonly tokens?: Readonly<Record<string, number>> | undefined;
}

export interface SuiteRun {
  readonly setup: EvalSetup;
  readonly server: ModelServer;
  /** Absolute path of answers.jsonl. */
  readonly file: string;
  /** Determines the seeds of sampled answers. Greedy ones have none. */
  readonly seed: number;
}

interface Question {
  readonly prompt: Prompt;
  readonly repeat: number;
}

/** Sends each prompt `repeats` times, `concurrency` at once, except those whose answers are already in the file. */
export async function askSuite(context: StageContext, suiteRun: SuiteRun): Promise<readonly Answer[]> {
  const { settings } = suiteRun.setup;
  const questions = questionsOf(suiteRun.setup);
  const kept = await keptAnswers(context, suiteRun.file, questions);
  const answers = [...kept.values()];
  const open = questions.filter(({ prompt, repeat }) => !kept.has(placeOf(prompt.id, repeat)));
  const meter = progressMeter(context, questions.length, answers.length);
  const next = open.values();
  const failures: unknown[] = [];
  const queue = openQueue();
  const work = async (): Promise<void> => {
    for (const question of next) {
      if (failures.length > 0) return;
      const answer = await ask(context, suiteRun, question);
      answers.push(answer);
      // One line after the other, however many are sent at once.
      await queue(async () => {
        // After a failed write the last line may be torn, so that no other line may follow it.
        if (failures.length > 0) return;
        await context.append(suiteRun.file, answerText(answer)).catch((error: unknown) => failures.push(error));
      });
      meter();
    }
  };
  const workers = Array.from({ length: Math.min(settings.concurrency, open.length) }, () =>
    work().catch((error: unknown) => void failures.push(error)),
  );
  await Promise.all(workers);
  if (failures.length > 0) throw failures[0];
  tellOfPrompts(context, suiteRun.setup, answers);
  return answers;
}

/** Warns if the server rendered other prompts than the recorded ones: it counts the tokens of each. */
function tellOfPrompts(context: StageContext, { tokens = {} }: EvalSetup, answers: readonly Answer[]): void {
  const off = answers.flatMap(({ prompt, response }) => {
    const counted = asObject(asObject(response)?.usage)?.prompt_tokens;
    const rendered = tokens[prompt];
    const differs = typeof counted === 'number' && rendered !== undefined && counted !== rendered;
    return differs ? [`${prompt}: ${counted} tokens, not ${rendered}`] : [];
  });
  if (off.length > 0)
    context.warn(`the model server rendered ${off.length} prompts differently from the recorded ones (${off[0]})`);
}

function questionsOf({ suite, settings }: EvalSetup): readonly Question[] {
  return Array.from({ length: settings.repeats }, (_, repeat) =>
    suite.prompts.map((prompt) => ({ prompt, repeat })),
  ).flat();
}

const placeOf = (prompt: string, repeat: number): string => `${repeat} ${prompt}`;

async function ask(context: StageContext, suiteRun: SuiteRun, { prompt, repeat }: Question): Promise<Answer> {
  const { server } = suiteRun;
  const { suite, settings } = suiteRun.setup;
  const seed = settings.temperature > 0 ? answerSeed(suiteRun.seed, prompt.id, repeat) : null;
  const reply = await server.ask(chatRequest({ prompt, seed }, suite, settings));
  await server.check();
  const { response, error, seconds, asked_again, max_tokens = maxTokens(prompt, settings) } = reply;
  const answer = { prompt: prompt.id, repeat, response, error, seconds, attempt: context.attempt, max_tokens };
  return asked_again > 0 ? { ...answer, asked_again } : answer;
}

/** 32 bits from run seed, prompt and repeat, so that the order of the answers does not matter. */
function answerSeed(seed: number, prompt: string, repeat: number): number {
  return createHash('sha256')
    .update(JSON.stringify([seed, prompt, repeat]))
    .digest()
    .readUInt32BE();
}

/** Answers that an earlier process received. A torn last line is removed: the next starts on a new line. */
async function keptAnswers(
  context: StageContext,
  file: string,
  questions: readonly Question[],
): Promise<ReadonlyMap<string, Answer>> {
  const text = (await context.read(file)) ?? '';
  const wanted = new Set(questions.map(({ prompt, repeat }) => placeOf(prompt.id, repeat)));
  const last = readAnswers(text).answers.map((answer) => [placeOf(answer.prompt, answer.repeat), answer] as const);
  const kept = new Map(last.filter(([place]) => wanted.has(place)));
  const whole = [...kept.values()].map(answerText).join('');
  if (whole !== text) await context.write(file, whole);
  if (kept.size > 0) context.log(`${kept.size} of ${questions.length} answers already exist`);
  return kept;
}

/** Reports the progress each time it is called after an answer. */
function progressMeter(context: StageContext, of: number, before: number): () => void {
  const seconds = (): number => performance.now() / 1000;
  const left = openSlope({ done: before, at: seconds() });
  let done = before;
  const tell = (): void =>
    context.progress({ iteration: done, of, loss: null, eta_s: left({ done, at: seconds() }, of) });
  tell();
  return () => {
    done += 1;
    tell();
  };
}

/** The score of all answers by our own rules. Warns of time-outs. Throws BAD_SETTINGS if every prompt is refused. */
export async function scoreAnswers(
  context: StageContext,
  setup: EvalSetup,
  answers: readonly Answer[],
): Promise<Score> {
  tellOfErrors(context, setup, answers);
  const scored = await context.score(setup.suite, answers, setup.settings.repeats);
  if (scored.ok) return scored.score;
  throw new StageError('INTERNAL', `answers are missing: ${JSON.stringify(scored)}`);
}

/** Warns of time-outs and refusals. Throws BAD_SETTINGS if every single prompt is refused. */
export function tellOfErrors(context: StageContext, setup: EvalSetup, answers: readonly Answer[]): void {
  const withFault = (kind: AnswerFault['kind']): readonly Answer[] =>
    answers.filter(({ error }) => error !== null && answerFault(error).kind === kind);
  const refused = withFault('refused');
  // A single refusal may be the prompt's fault. If all are refused, the fault is in what they have in common.
  if (refused.length === answers.length && setup.suite.prompts.length > 1)
    throw new StageError('BAD_SETTINGS', `the model server refuses every prompt: ${refused[0]?.error}`);
  tellOfAskedAgain(context, setup, answers);
  const late = withFault('timeout').length;
  if (late > 0)
    context.warn(
      `${late} of ${answers.length} answers took longer than timeout_s: ${setup.settings.timeout_s} and score 0`,
    );
  if (refused.length > 0)
    context.warn(`${refused.length} of ${answers.length} prompts were refused and score 0 (${refused[0]?.error})`);
}

function tellOfAskedAgain(context: StageContext, { suite, settings }: EvalSetup, answers: readonly Answer[]): void {
  const again = countAskedAgain(answers);
  if (again === 0) return;
  const first = new Map(suite.prompts.map((prompt) => [prompt.id, maxTokens(prompt, settings)]));
  const fewer = answers.some(({ prompt, max_tokens: last }) => last < (first.get(prompt) ?? 0));
  const how = fewer ? 'asked again with half of the tokens (at least 256)' : 'asked again';
  context.warn(
    `${again} of ${answers.length} answers took longer than timeout_s: ${settings.timeout_s} and were ${how}`,
  );
}
