import { stringify } from 'yaml';
import { type Message, type Prompt, prompt as promptSchema, type Suite } from '../../events/suite.ts';
import { plural } from '../format.ts';
import { canonicalJson, jsonOrNull } from '../json.ts';
import { printable, refusedCharacter } from '../printable.ts';
import { contentText, readAnswer } from './read-answer.ts';
import { asObject } from './tolerant-json.ts';

/** Why a row gives no prompt. */
const reasons = {
  unreadable: 'is not a readable chat example ({"messages": [...]})',
  unanswered: 'has no answer of an assistant after a question',
  prose: 'has no function call in its last answer',
  unnamed: 'calls the wrapper in its last answer, but no function in its code',
  characters: 'has control characters, which no suite may have',
  twice: 'repeats the question of an earlier example',
} as const;
type Reason = keyof typeof reasons;

/** A suite that was made from data, and the number of rows that are not in it. */
export interface SuiteFrom {
  readonly suite: Suite;
  readonly rows: number;
  readonly left: readonly { readonly why: string; readonly count: number }[];
}

interface Question {
  readonly line: number;
  readonly system: string | null;
  /** The conversation without the system prompt. */
  readonly talk: readonly Message[];
  readonly expect: readonly string[];
  readonly category: string | null;
  readonly tools: unknown;
}

/**
 * Makes an eval suite from a chat data file (JSON lines). The last assistant turn of a row is the reference, the calls
 * in it are expected, and the turns before it are the prompt. The same file gives the same suite. The id is the row's
 * line.
 */
export function suiteFrom(text: string, { name, wrapper }: { name: string; wrapper: string }): SuiteFrom {
  const lines = text.split('\n').flatMap((row, index) => (row.trim() === '' ? [] : [{ row, line: index + 1 }]));
  const read = lines.map(({ row, line }) => questionOf(row, line, wrapper));
  const asked = new Set<string>();
  const once = read.map((one): Question | Reason => {
    if (typeof one === 'string') return one;
    const key = canonicalJson([one.system, one.talk]);
    if (asked.has(key)) return 'twice';
    asked.add(key);
    return one;
  });
  const questions = once.filter((one) => typeof one !== 'string');
  const left = (Object.keys(reasons) as Reason[]).map((reason) => ({
    why: reasons[reason],
    count: once.filter((one) => one === reason).length,
  }));
  return {
    suite: suiteOf(questions, name, wrapper),
    rows: lines.length,
    left: left.filter((one) => one.count > 0),
  };
}

function questionOf(row: string, line: number, wrapper: string): Question | Reason {
  const data = asObject(jsonOrNull(row));
  const messages = data === null ? null : messagesOf(data.messages);
  if (data === null || messages === null) return 'unreadable';
  const last = messages.findLastIndex(({ role }) => role === 'assistant');
  const system = messages[0]?.role === 'system' ? contentText(messages[0].content) : null;
  const talk = messages.slice(system === null ? 0 : 1, Math.max(0, last));
  const reference = messages[last];
  if (reference === undefined || !talk.some(({ role }) => role === 'user') || talk.at(-1)?.role === 'assistant')
    return 'unanswered';
  const calls = readAnswer({ choices: [{ message: reference }] }, wrapper)?.calls ?? [];
  if (calls.length === 0) return 'prose';
  const expect = [...new Set(calls.flatMap((one) => (one.name === wrapper ? calledNames(one.code) : [one.name])))];
  if (expect.length === 0) return 'unnamed';
  if (holdsRefused([system, talk, expect, data.tools])) return 'characters';
  return { line, system, talk, expect, category: categoryIn(data), tools: data.tools };
}

function holdsRefused(value: unknown): boolean {
  let found = false;
  JSON.stringify(value, (key, item: unknown) => {
    const text = typeof item === 'string' ? refusedCharacter(item) : null;
    found ||= text !== null || refusedCharacter(key, true) !== null;
    return item;
  });
  return found;
}

/** Null if it is not a conversation that a suite can contain. */
const messagesOf = (given: unknown): readonly Message[] | null =>
  promptSchema.shape.messages.safeParse(given).data ?? null;

/** The row's own category, if it has one: `category`, or `metadata.category`. */
function categoryIn(data: Readonly<Record<string, unknown>>): string | null {
  const given = data.category ?? asObject(data.metadata)?.category;
  if (typeof given !== 'string') return null;
  const name = given
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '');
  // With a letter in front, a text that is no category name, or has another meaning in `gate`, becomes one.
  const fits = (one: string): boolean => promptSchema.shape.category.safeParse(one).success;
  return fits(name) ? name : name !== '' && fits(`c_${name}`) ? `c_${name}` : null;
}

function suiteOf(questions: readonly Question[], name: string, wrapper: string): Suite {
  const systems = new Set(questions.map(({ system }) => system));
  const [shared] = systems.size === 1 ? systems : [null];
  const width = String(Math.max(0, ...questions.map(({ line }) => line))).length;
  const prompts = questions.map((one): Prompt => {
    const { line, system, talk, expect, category, tools } = one;
    const id = `row-${String(line).padStart(width, '0')}`;
    const [only, ...others] = talk;
    const own = system !== null && system !== shared;
    const head = { id, category: category ?? 'valid' };
    const rest = { expect: [...expect], match: expect.length > 1 ? ('all' as const) : ('any' as const) };
    const toolsGiven = promptSchema.shape.tools.safeParse(tools).data;
    const more = toolsGiven === undefined ? {} : { tools: toolsGiven };
    if (!own && only !== undefined && others.length === 0 && typeof only.content === 'string')
      return { ...head, prompt: only.content, ...rest, ...more };
    const messages: Message[] = [...(own ? [{ role: 'system' as const, content: system }] : []), ...talk];
    return { ...head, messages, ...rest, ...more };
  });
  return { suite: name, ...(shared == null ? {} : { system: shared }), wrapper, prompts };
}

/** The suite's file. `source` is the data, as a person named it. */
export function suiteYaml({ suite, rows }: SuiteFrom, source: string): string {
  const { suite: name, system, wrapper, prompts } = suite;
  const head = `# Made by \`phasebox suite from ${printable(source)}\`: ${plural(prompts.length, 'prompt')} out of ${plural(rows, 'row')}.\n`;
  const shown = prompts.map(({ match, ...one }) => (match === 'any' ? one : { ...one, match }));
  const whole = { suite: name, ...(system === undefined ? {} : { system }), wrapper, prompts: shown };
  return head + stringify(whole, { lineWidth: 0 });
}

/** Python's built-ins: calling these does not count as using a tool. */
const builtins = new Set(
  (
    'abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod compile complex delattr ' +
    'dict dir divmod enumerate eval exec filter float format frozenset getattr globals hasattr hash help hex id input int ' +
    'isinstance issubclass iter len list locals map max memoryview min next object oct open ord pow print property range ' +
    'repr reversed round set setattr slice sorted staticmethod str sum super tuple type vars zip'
  ).split(' '),
);
/** Words that can precede a parenthesis without calling anything. */
const keywords = new Set(
  'and as assert async await case class def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return try while with yield'.split(
    ' ',
  ),
);

const strings = /"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|#[^\n]*/g;
const call = /(?<![\p{ID_Continue}$.])([\p{ID_Start}_][\p{ID_Continue}]*)\s*\(/gu;
const defined = /\b(?:def|class)\s+([\p{ID_Start}_][\p{ID_Continue}]*)/gu;
const imported = /^[ \t]*(?:from\s+[\w.]+\s+)?import\s+(.+)$/gmu;

const namesIn = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, name]) => name ?? '');

/** `import a, b as c` binds a and c. */
const bound = (list: string): string[] =>
  list
    .replaceAll(/[()]/g, '')
    .split(',')
    .map((part) => part.trim().replace(/^.*\sas\s+/s, ''));

/** Names that Python code calls, each once, without built-ins, methods, own and imported names, strings, comments. */
export function calledNames(code: string): string[] {
  const bare = code.replaceAll(strings, (found) => (found.startsWith('#') ? '' : '""'));
  const own = new Set([...namesIn(bare, defined), ...namesIn(bare, imported).flatMap(bound)]);
  const called = namesIn(bare, call).filter((name) => !builtins.has(name) && !keywords.has(name) && !own.has(name));
  // `raise ValueError(..)` does not use a tool either.
  return [...new Set(called.filter((name) => !/(?:Error|Exception|Warning)$/.test(name)))];
}
