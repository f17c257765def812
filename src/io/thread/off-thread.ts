import type { Problem } from '../../core/config/problem.ts';
import { readSuite, type SuiteResult } from '../../core/config/read-suite.ts';
import { openYaml, readYaml, type Yaml } from '../../core/config/read-yaml.ts';
import { StageError } from '../../core/errors.ts';
import { type SuiteScore, scoreSuite } from '../../core/score/score.ts';
import { checkOf } from '../../events/assertion.ts';
import type { ScorableAnswer, Suite } from '../../events/suite.ts';
import { hasCode, readText } from '../disk/files.ts';
import { runTask, TaskTimeout } from './run-task.ts';

/**
 * Texts of people and models are parsed in a thread if that may take long: a megabyte of YAML takes seconds, and a
 * regular expression that backtracks never ends. Small texts are parsed directly, since a thread takes 100 ms to start.
 */

/** Bytes that the main thread parses: 30 ms of YAML in the worst case. */
const smallText = 8 * 1024;
/** Characters of answers that the main thread scores. */
const smallAnswers = 64 * 1024;
/** For one answer. Whether it is enough depends on the expression, not on the machine: others take a thousandth. */
const scoreLimit_ms = 10_000;

/** `readYaml` of any file. */
export async function yamlOf(bytes: Uint8Array, file: string): Promise<Yaml> {
  if (bytes.length <= smallText) return readYaml(bytes, file);
  const data = await runTask('yaml', { bytes, file }).catch(tooMuch(file));
  return 'ok' in data ? openYaml(data) : { ok: false, ...data };
}

/** The last large suite that was read: the configs of a night share one. */
let latest: { readonly text: string; readonly file: string; readonly result: Promise<SuiteResult> } | null = null;

/** `readSuite` of any file. */
export async function suiteOf(bytes: Uint8Array, file: string): Promise<SuiteResult> {
  if (bytes.length <= smallText) return readSuite(bytes, file);
  const text = Buffer.from(bytes).toString('latin1');
  if (latest?.text !== text || latest.file !== file)
    latest = { text, file, result: runTask('suite', { bytes, file }).catch(tooMuch(file)) };
  return latest.result;
}

/** The number of prompts of a suite. Null if it cannot be read. */
export async function promptsIn(path: string): Promise<number | null> {
  const read = await suiteOf(Buffer.from((await readText(path)) ?? ''), path);
  return 'suite' in read ? read.suite.prompts.length : null;
}

/** For `.catch`: a file that takes too much time or memory is refused. Unlike a disk error, it is not retried. */
const tooMuch =
  (file: string) =>
  (error: unknown): { readonly problems: readonly Problem[] } => {
    const isTooMuch = error instanceof TaskTimeout || hasCode(error, 'ERR_WORKER_OUT_OF_MEMORY');
    if (!isTooMuch || !(error instanceof Error)) throw error;
    const message = `it cannot be read: ${error.message}; allowed: a smaller or simpler text`;
    return { problems: [{ file, line: null, path: '', seen: null, message, hint: null }] };
  };

/** `scoreSuite` of any answers, with the same points. `endless`: an assertion that does not end, with its prompt. */
export async function scoreOf(
  suite: Suite,
  answers: readonly ScorableAnswer[],
  { repeats, limit_ms = scoreLimit_ms }: { readonly repeats?: number; readonly limit_ms?: number } = {},
): Promise<SuiteScore | { readonly endless: string }> {
  if (!suite.prompts.some(mayBacktrack) && answers.every(isSmall)) return scoreSuite(suite, answers, repeats);
  try {
    return await runTask('score', { suite, answers, repeats }, limit_ms);
  } catch (error) {
    if (!(error instanceof TaskTimeout)) throw error;
    return { endless: endlessText(suite, error) };
  }
}

/** The same for a stage. Throws BAD_SETTINGS for an assertion that does not end. */
export async function scoreOrThrow(
  suite: Suite,
  answers: readonly ScorableAnswer[],
  repeats: number,
): Promise<SuiteScore> {
  const scored = await scoreOf(suite, answers, { repeats });
  if ('endless' in scored) throw new StageError('BAD_SETTINGS', scored.endless);
  return scored;
}

/** Patterns: those of `regex`, and those within a JSON Schema. */
const mayBacktrack = ({ assert = [] }: Suite['prompts'][number]): boolean =>
  assert.some((one) => patternOf(one) !== null);

function patternOf(one: NonNullable<Suite['prompts'][number]['assert']>[number]): string | null {
  const { check } = checkOf(one);
  if (check === 'regex') return String(one.value);
  return check === 'is-json' && typeof one.value === 'object' ? JSON.stringify(one.value) : null;
}

const isSmall = ({ response }: ScorableAnswer): boolean => {
  // Stops as soon as the answer is clear: an answer of 10 MB is not converted to text only to measure it.
  let left = smallAnswers;
  const takes = (value: unknown): boolean => {
    if (typeof value === 'string') left -= value.length;
    else if (typeof value === 'object' && value !== null) return Object.values(value).every(takes);
    left -= 1;
    return left > 0;
  };
  return takes(response);
};

function endlessText({ prompts }: Suite, { at, limit_ms }: TaskTimeout): string {
  const prompt = at === null ? prompts[0] : prompts.find(({ id }) => id === at);
  const patterns = (prompt?.assert ?? []).flatMap((one) => patternOf(one) ?? []);
  const what = patterns.length === 0 ? '' : `: ${patterns.join(', ')}`;
  return `An answer to the prompt ${prompt?.id} could not be scored within ${limit_ms / 1000} s${what}. A pattern such as (a+)+ tries every way to split a text: write it without repeats inside repeats.`;
}
