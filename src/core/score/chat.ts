import type { Settings } from '../../events/stages.ts';
import type { Message, Prompt, Suite } from '../../events/suite.ts';

/** One request to the model server, which is sent until it is answered or has no retries left. */
export interface ChatRequest {
  /** The JSON document of the request. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly timeout_s: number;
  /** How often it is sent again after a broken connection, or after a time-out with `tokensAfterTimeout`. */
  readonly retries: number;
}

/** A longer answer is halved after a time-out. A shorter one that times out is not slow because of its length. */
const leastHalved = 256;

/** How many tokens an answer may have after it took too long with this many. */
export const tokensAfterTimeout = (tokens: number): number =>
  Math.max(Math.min(tokens, leastHalved), Math.floor(tokens / 2));

/** The rule for time-outs as it enters eval identities. */
export const timeoutRule = { tokens: 'half', least: leastHalved } as const;

/** Whether a time-out would change the tokens of any of these answers. Otherwise scores do not depend on the rule. */
export const isHalved = ({ prompts }: Suite, settings: Settings<'eval'>): boolean =>
  settings.retries > 0 &&
  settings.engine === undefined &&
  prompts.some((prompt) => tokensAfterTimeout(maxTokens(prompt, settings)) < maxTokens(prompt, settings));

export interface ChatReply {
  /** Null if there is an error. */
  readonly response: unknown;
  /** As `faultText` writes it. */
  readonly error: string | null;
  /** Of the last try, without the time that the machine slept. */
  readonly seconds: number;
  /** How often it was sent again because it took too long. */
  readonly asked_again: number;
  /** `max_tokens` of the last try. Undefined if the request has none. */
  readonly max_tokens: number | undefined;
}

/** The model name in every request. For any other name, mlx_lm's server loads the model of that name. */
export const requestModel = 'default_model';

/** The effective system prompt: that of the settings, else that of the suite. Null if there is none. */
export function systemPrompt(suite: Suite, settings: Settings<'eval'>): string | null {
  return (settings.system ?? suite.system ?? '') || null;
}

/** How many tokens an answer may have. The prompt's own figure takes precedence. */
export function maxTokens(prompt: Prompt, settings: Settings<'eval'>): number {
  return prompt.max_tokens ?? settings.max_tokens;
}

/** The whole conversation. A system message of the prompt replaces that of the suite or the phase. */
export function messagesOf({ prompt, messages }: Prompt, system: string | null): readonly Message[] {
  const given: readonly Message[] = messages ?? [{ role: 'user', content: prompt ?? '' }];
  return system === null || given[0]?.role === 'system' ? given : [{ role: 'system', content: system }, ...given];
}

/** The request of one prompt and repeat. Greedy decoding has no `seed`, which would turn the server's batching off. */
export function chatRequest(
  question: { readonly prompt: Prompt; readonly seed: number | null },
  suite: Suite,
  settings: Settings<'eval'>,
): ChatRequest {
  const { prompt, seed } = question;
  const tools = prompt.tools ?? suite.tools ?? [];
  const body = {
    model: requestModel,
    messages: messagesOf(prompt, systemPrompt(suite, settings)),
    ...(tools.length > 0 && { tools }),
    temperature: settings.temperature,
    max_tokens: maxTokens(prompt, settings),
    stop: settings.stop,
    ...(Object.keys(settings.chat_template_args).length > 0 && { chat_template_kwargs: settings.chat_template_args }),
    ...(seed !== null && { seed }),
  };
  return { body, timeout_s: settings.timeout_s, retries: settings.retries };
}

/** The same request for a short answer with probabilities, which distinguishes models that give the same text. */
export function probeRequest(prompt: Prompt, suite: Suite, settings: Settings<'eval'>): ChatRequest {
  const { body } = chatRequest({ prompt, seed: null }, suite, settings);
  return {
    body: { ...body, temperature: 0, max_tokens: 8, logprobs: true, top_logprobs: 5 },
    timeout_s: settings.timeout_s,
    retries: settings.retries,
  };
}
