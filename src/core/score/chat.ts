import type { Settings } from '../../events/stages.ts';
import type { Message, Prompt, Suite } from '../../events/suite.ts';

/** One question to the model server, as it is asked until it is answered or given up. */
export interface ChatRequest {
  /** The JSON document that is sent. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly timeout_s: number;
  /** How often it is asked again after a time-out or a broken connection. */
  readonly retries: number;
}

/** `response` is null when `error` is not: TIMEOUT after all retries, or `HTTP 400: ...` for this prompt alone. */
export interface ChatReply {
  readonly response: unknown;
  readonly error: string | null;
  /** Of the last try, time asleep left out. */
  readonly seconds: number;
}

/** What the server is always asked for. Any other name makes mlx_lm's server load whatever model bears it. */
export const servedModel = 'default_model';

/** The system prompt in force: the settings' own, else the suite's; null = none. */
export function systemPrompt(suite: Suite, settings: Settings<'eval'>): string | null {
  return (settings.system ?? suite.system ?? '') || null;
}

/** How many tokens an answer may have: the prompt's own figure wins. */
export function maxTokens(prompt: Prompt, settings: Settings<'eval'>): number {
  return prompt.max_tokens ?? settings.max_tokens;
}

/** The whole conversation. A system message of the prompt's own stands for the suite's or the phase's. */
function messagesOf({ prompt, messages }: Prompt, system: string | null): readonly Message[] {
  const given: readonly Message[] = messages ?? [{ role: 'user', content: prompt ?? '' }];
  return system === null || given[0]?.role === 'system' ? given : [{ role: 'system', content: system }, ...given];
}

/** The request of one prompt and repeat. `seed` null: greedy, no seed needed (one would switch the server's batching off). */
export function chatRequest(
  question: { readonly prompt: Prompt; readonly seed: number | null },
  suite: Suite,
  settings: Settings<'eval'>,
): ChatRequest {
  const { prompt, seed } = question;
  const tools = prompt.tools ?? suite.tools ?? [];
  const body = {
    model: servedModel,
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

/** The same question for a short answer with the model's probabilities: tells two models apart that say the same. */
export function probeRequest(prompt: Prompt, suite: Suite, settings: Settings<'eval'>): ChatRequest {
  const { body } = chatRequest({ prompt, seed: null }, suite, settings);
  return {
    body: { ...body, temperature: 0, max_tokens: 8, logprobs: true, top_logprobs: 5 },
    timeout_s: settings.timeout_s,
    retries: settings.retries,
  };
}
