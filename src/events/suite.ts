import * as z from 'zod';
import { assertion } from './assertion.ts';
import { command } from './paths.ts';

/** A category as suites and engines name it. Formulas read its score by this name. */
export const categoryName = z
  .string()
  .regex(/^[a-z][a-z0-9_]*$/, 'a category is a name in lowercase letters, digits and _ (it is a variable in `gate`)')
  .refine(
    (name) => !['overall', 'strict', 'modes', 'metrics', 'baseline', 'base'].includes(name),
    'this name has a meaning of its own in `gate`',
  );

/** One turn of a conversation, as in OpenAI's chat API. Other keys (`tool_call_id`, `name`) are sent unchanged. */
const message = z.looseObject({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z
    .union([z.string(), z.array(z.looseObject({ type: z.string() }))])
    .nullable()
    .optional(),
  tool_calls: z
    .array(z.looseObject({ function: z.looseObject({ name: z.string().min(1) }) }))
    .min(1)
    .optional(),
});
export type Message = z.infer<typeof message>;

/** A function that the model may call, in OpenAI's schema. */
const tool = z.looseObject({
  type: z.literal('function'),
  function: z.looseObject({
    name: z.string().min(1),
    description: z.string().optional(),
    parameters: z.record(z.string(), z.unknown()).optional(),
  }),
});

/** What is wrong, and where in the prompt or the suite. */
interface Fault {
  readonly path: (string | number)[];
  readonly message: string;
}

export const prompt = z
  .strictObject({
    id: z.string().min(1),
    category: categoryName,
    /** The user's message. Alternatively, `messages` is a whole conversation. */
    prompt: z.string().min(1).optional(),
    messages: z.array(message).min(1).optional(),
    /** Sent with this prompt instead of the suite's. An empty list means none. */
    tools: z.array(tool).optional(),
    /** Names of functions, any or all of which the answer must call. */
    expect: z.array(z.string().min(1)).min(1).optional(),
    match: z.enum(['any', 'all']).default('any'),
    /** Instead of `expect`: checks whose weighted mean is the score. */
    assert: z.array(assertion).min(1).optional(),
    max_tokens: z.int().min(1).optional(),
  })
  .superRefine((given, context) => {
    for (const fault of promptFaults(given)) context.addIssue({ code: 'custom', ...fault });
  });
export type Prompt = z.infer<typeof prompt>;

/** A program that scores the answers: it reads them as JSON lines and writes one line per answer, with its score. */
const scorer = z.strictObject({ command });

const noContent = 'required: content (only an assistant with tool_calls may say nothing)';
const notLast = 'the last message is the one that the model answers: not an assistant';
const noAssert = 'the suite has a `scorer`, which makes the score: `assert` would do nothing';
const noGoodAnswer = 'nothing says what a good answer is: `expect` (names of functions) or `assert`';

function* promptFaults(given: Pick<Prompt, 'prompt' | 'messages' | 'expect' | 'assert'>): Generator<Fault> {
  const { prompt: text, messages, expect, assert } = given;
  if ((text === undefined) === (messages === undefined))
    yield { path: [], message: 'a prompt has either `prompt` (a text) or `messages` (a conversation)' };
  if (expect !== undefined && assert !== undefined)
    yield { path: ['assert'], message: '`expect` and `assert` exclude each other: each of them alone makes the score' };
  for (const [index, { role, content, tool_calls }] of (messages ?? []).entries())
    if (content == null && (role !== 'assistant' || tool_calls === undefined))
      yield { path: ['messages', index], message: noContent };
  if (messages?.at(-1)?.role === 'assistant') yield { path: ['messages', messages.length - 1], message: notLast };
  if (assert?.every(({ weight }) => weight === 0))
    yield { path: ['assert'], message: 'one of the weights must be more than 0: the score is their weighted mean' };
}

/** What is wrong with the prompts together. `broken`: those that do not match their schema, whose ids count all the same. */
function* suiteFaults(prompts: readonly Partial<Prompt>[], scored: boolean, broken: Set<unknown>): Generator<Fault> {
  const ids = new Set<unknown>();
  for (const [index, one] of prompts.entries()) {
    const { id, expect, assert } = { ...one };
    if (ids.has(id)) yield { path: ['prompts', index, 'id'], message: 'two prompts have this id' };
    if (typeof id === 'string') ids.add(id);
    if (broken.has(index)) continue;
    if (scored && assert !== undefined) yield { path: ['prompts', index, 'assert'], message: noAssert };
    if (!scored && expect === undefined && assert === undefined)
      yield { path: ['prompts', index], message: noGoodAnswer };
  }
}

const anyPrompts = z.looseObject({ prompts: z.array(z.unknown()) });

/** An eval suite, YAML. `wrapper` is the function that an answer must call, with the expected calls in its code. */
export const suite = z
  .strictObject({
    suite: z.string().min(1),
    system: z.string().optional(),
    wrapper: z.string().min(1).default('execute_code'),
    /** Sent with every prompt that has none of its own. */
    tools: z.array(tool).optional(),
    scorer: scorer.optional(),
    prompts: z.array(prompt).min(1),
  })
  .superRefine(
    ({ prompts, scorer: own }, context) => {
      const wrong = context.issues.filter(({ code, path }) => code !== 'custom' && path?.[0] === 'prompts');
      const broken = new Set(wrong.map(({ path }) => path?.[1]));
      for (const fault of suiteFaults(prompts, own !== undefined, broken))
        context.addIssue({ code: 'custom', ...fault });
    },
    // Also when a prompt is wrong, so that everything is reported at once.
    { when: ({ value }) => anyPrompts.safeParse(value).success },
  );
export type Suite = z.infer<typeof suite>;

/** An answer to score, from any program: the whole chat completion, or an error (TIMEOUT: no answer in time). */
export const scorableAnswer = z
  .object({
    prompt: z.string(),
    repeat: z.int().min(0),
    response: z.unknown().optional(),
    error: z.string().nullable().default(null),
  })
  .refine(({ response, error }) => response !== undefined || error !== null, {
    path: ['response'],
    message: 'the whole chat completion is expected, {"choices": [{"message": {...}}]}, or a text as `error`',
  })
  .transform(({ response = null, ...rest }) => ({ ...rest, response }));
export type ScorableAnswer = z.infer<typeof scorableAnswer>;

/** One line of answers.jsonl as phasebox writes it. `response` is the whole chat completion as the server sent it. */
export const answer = z.strictObject({
  prompt: z.string(),
  repeat: z.int().min(0),
  response: z.unknown(),
  error: z.string().nullable(),
  seconds: z.number(),
  attempt: z.int(),
  /** Of the last try. */
  max_tokens: z.int(),
  /** How often it was asked again because it took too long. Absent if it was not, and in answers of 0.1.0. */
  asked_again: z.int().optional(),
});
export type Answer = z.infer<typeof answer>;
