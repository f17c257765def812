import type { Answer, Prompt, Suite } from '../../src/events/suite.ts';

/** A chat completion as mlx_lm's server sends it. */
export function completion(message: Record<string, unknown>, finish = 'stop'): unknown {
  return {
    id: 'chatcmpl-1',
    model: 'default_model',
    choices: [{ index: 0, finish_reason: finish, message: { role: 'assistant', content: null, ...message } }],
  };
}

export function answerOf(response: unknown, more: Partial<Answer> = {}): Answer {
  return { prompt: 'p', repeat: 0, response, error: null, seconds: 0.1, attempt: 1, max_tokens: 64, ...more };
}

/** The answer whose content is this text. */
export const said = (content: string, finish = 'stop'): Answer => answerOf(completion({ content }, finish));

/** The answer with these native calls: [name, arguments]. */
export const native = (...calls: readonly [string, unknown][]): Answer =>
  answerOf(
    completion({
      tool_calls: calls.map(([name, given]) => ({ type: 'function', id: 'x', function: { name, arguments: given } })),
    }),
  );

export function promptOf(more: Partial<Prompt> = {}): Prompt {
  return { id: 'p', category: 'git', prompt: 'do it', expect: ['read_file'], match: 'any', ...more };
}

export function suiteOf(prompts: readonly Partial<Prompt>[], more: Partial<Suite> = {}): Suite {
  return {
    suite: 'test',
    wrapper: 'execute_code',
    prompts: prompts.map((prompt, index) => promptOf({ id: `p${index}`, ...prompt })),
    ...more,
  };
}

/** An XML call. */
export const xml = (name: string, code: string): string =>
  `<tool_call>\n<function=${name}>\n<parameter=code>\n${code}\n</parameter>\n</function>\n</tool_call>`;

/** A call in JSON (Hermes). */
export const hermes = (name: string, given: unknown): string =>
  `<tool_call>\n${JSON.stringify({ name, arguments: given })}\n</tool_call>`;
