import { basename, dirname, resolve } from 'node:path';
import { formatProblems } from '../core/config/problem.ts';
import { readSuite, type SuiteResult } from '../core/config/read-suite.ts';
import { CommandError } from '../core/errors.ts';
import { percent, plural } from '../core/format.ts';
import { printableJson } from '../core/printable.ts';
import { readScorableAnswers } from '../core/score/answers.ts';
import { readAnswer } from '../core/score/read-answer.ts';
import { type AnswerPlace, scoreAnswer, scoreSuiteBy } from '../core/score/score.ts';
import { readGiven, scoreByCommand, scorerInput } from '../core/score/scorer.ts';
import { modes, type Score } from '../events/score.ts';
import type { ScorableAnswer, Suite } from '../events/suite.ts';
import { readText } from '../io/disk/files.ts';
import { scoreOf } from '../io/thread/off-thread.ts';
import { runScorer } from '../io/tool/run-scorer.ts';
import { documented, type Register } from './parts/command.ts';
import { print, warn } from './parts/output.ts';

/** `--suite` and `--answers` are paths from the current folder. */
export interface ScoreOptions {
  readonly suite: string;
  readonly answers: string;
  readonly json?: boolean;
}

const mostShown = 20;

/** A suite's own `scorer` runs. Throws CommandError 2 if the answers do not fit the suite, 1 if the scorer fails. */
export async function score(options: ScoreOptions): Promise<void> {
  const { suite, warnings: doubts = [] } = await suiteAt(options.suite);
  const text = await textAt(options.answers);
  const { answers, problems } = readScorableAnswers(text);
  if (answers.length === 0 && isOfEngine(text)) throw new CommandError(2, engineText(options.answers));
  const wrong = problems.map(({ line, what }) => `${options.answers}:${line}: ${what}`);
  if (wrong.length > 0) throw new CommandError(2, `Lines that are not answers:\n${shown(wrong)}`);
  const result =
    suite.scorer === undefined ? await byRules(options, suite, answers) : await byScorer(options, suite, answers);
  const warnings = [...doubts.map((text) => `${options.suite}: ${text}`), ...unreadable(suite, answers)];
  for (const warning of warnings) warn(`warning: ${warning}`);
  print(options.json ? jsonOf(result, warnings) : table(suite, result));
}

function unreadable({ wrapper }: Suite, answers: readonly ScorableAnswer[]): string[] {
  const empty = answers.filter(({ error, response }) => error === null && readAnswer(response, wrapper) === null);
  if (empty.length === 0) return [];
  const ids = [...new Set(empty.map(({ prompt }) => prompt))];
  const named = `${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ', ...' : ''}`;
  const count = plural(empty.length, 'response');
  return [`${count} (${named}) without choices[0].message score 0: the whole chat completion is expected.`];
}

/** An engine's lines have an id and a score, and an answer has neither. */
const isOfEngine = (text: string): boolean => readGiven(text).given.length > 0;

const engineText = (file: string): string =>
  `${file} holds what eval.engine wrote: scores and no answers.\nOnly the engine itself can score again: phasebox retry RUN --stage eval.`;

async function byRules(options: ScoreOptions, suite: Suite, answers: readonly ScorableAnswer[]): Promise<Score> {
  const scored = await scoreOf(suite, answers);
  if ('endless' in scored) throw new CommandError(2, scored.endless);
  if (scored.ok) return scored.score;
  throw new CommandError(2, misfit(options, scored));
}

async function byScorer(options: ScoreOptions, suite: Suite, answers: readonly ScorableAnswer[]): Promise<Score> {
  // First of all: a scorer need not run if answers are missing.
  const fits = scoreSuiteBy(suite, answers, {
    scoreAnswer: (prompt, answer) => scoreAnswer(prompt, suite.wrapper, answer),
  });
  if (!fits.ok) throw new CommandError(2, misfit(options, fits));
  const { command = [] } = suite.scorer ?? {};
  const ran = await runScorer(command, { cwd: dirname(resolve(options.suite)), input: scorerInput(suite, answers) });
  const name = `The scorer of ${options.suite} (${command.join(' ')})`;
  if (!ran.ok) throw new CommandError(1, `${name} failed: ${ran.why}. Its output is above.`);
  const scored = scoreByCommand(suite, answers, { text: ran.text });
  if (scored.ok) return scored.score;
  const problems = shown(scored.problems.map((line) => `  ${line}`));
  throw new CommandError(2, `${name} wrote output that cannot be used:\n${problems}`);
}

async function textAt(path: string): Promise<string> {
  const text = await readText(path);
  if (text === null) throw new CommandError(2, `${path} does not exist.`);
  return text;
}

async function suiteAt(path: string): Promise<Extract<SuiteResult, { suite: Suite }>> {
  const read = readSuite(await textAt(path), basename(path));
  if ('suite' in read) return read;
  throw new CommandError(2, formatProblems(path, read.problems));
}

function misfit(
  { suite, answers }: ScoreOptions,
  { missing, unknown }: { missing: readonly AnswerPlace[]; unknown: readonly string[] },
): string {
  const absent = missing.map((place) => `  no answer to ${place.prompt}, repeat ${place.repeat}`);
  const foreign = unknown.map((id) => `  ${id} is not a prompt of the suite`);
  return [`${answers} does not fit ${suite}:`, shown([...foreign, ...absent])].join('\n');
}

const shown = (lines: readonly string[]): string =>
  lines.length <= mostShown
    ? lines.join('\n')
    : [...lines.slice(0, mostShown), `  and ${lines.length - mostShown} more`].join('\n');

function jsonOf({ overall, strict, categories, modes, prompts }: Score, warnings: readonly string[]): string {
  const found = { overall, strict, categories, modes, prompts };
  return `${printableJson(warnings.length > 0 ? { ...found, warnings } : found)}\n`;
}

function table(suite: Suite, result: Score): string {
  const rows = Object.entries(result.categories).map(([name, lenient]) => ({
    name,
    lenient,
    strict: result.strict_categories[name],
    prompts: suite.prompts.filter((prompt) => prompt.category === name).length,
  }));
  const all = { name: 'overall', lenient: result.overall, strict: result.strict, prompts: suite.prompts.length };
  const width = Math.max(...[...rows, all].map(({ name }) => name.length), 'category'.length);
  const line = (name: string, ...cells: readonly string[]): string =>
    [name.padEnd(width), ...cells.map((cell) => cell.padStart(8))].join('  ');
  const lines = [...rows, all].map(({ name, lenient, strict, prompts }) =>
    line(name, percent(lenient), percent(strict), String(prompts)),
  );
  const used = modes.filter((mode) => result.modes[mode] > 0).map((mode) => `${mode} ${result.modes[mode]}`);
  return `${[line('category', 'lenient', 'strict', 'prompts'), ...lines, '', `modes: ${used.join(', ')}`].join('\n')}\n`;
}

export const registerScore: Register = (program) => {
  documented(program.command('score'), {
    does: 'Score stored answers without a model',
    examples: ['phasebox score --suite suites/agent-27.yaml --answers artifacts/43a/43a-s0/6-eval/answers.jsonl'],
    exits: {
      0: 'the score is shown',
      1: "the suite's `scorer` failed",
      2: 'an answer is missing, or an id is not in the suite',
    },
  })
    .requiredOption('--suite <file>', 'the eval suite')
    .requiredOption('--answers <file>', 'answers.jsonl of an eval stage, or answers of another program')
    .option('--json', 'print one JSON document')
    .action(async (options: ScoreOptions) => await score(options));
};
