import * as z from 'zod';
import type { Settings } from '../../events/stages.ts';
import type { Suite } from '../../events/suite.ts';
import { groupBy } from '../group-by.ts';
import { chatRequest } from './chat.ts';

/** The output of python/render_prompts.py: a suite's prompts under the chat template of a model. */
export const rendering = z.strictObject({
  /** Over the token ids of all prompts, in order. Null if a prompt was refused or skipped. */
  sha256: z.string().nullable(),
  /** Number of tokens of each prompt, by id. */
  tokens: z.record(z.string(), z.int()),
  refused: z.array(
    z.strictObject({
      id: z.string(),
      /** The template's own error message. */
      error: z.string(),
      /** The line of the template that refuses: `line 3: {{ raise_exception(...) }}`. */
      part: z.string().nullable(),
      /** The template accepts the same prompt without its system message. */
      without_system: z.boolean(),
    }),
  ),
  /** Prompts with images: only the model's own image processor can render them. */
  skipped: z.array(z.string()),
  /** False if the tokenizer has no chat template. */
  templated: z.boolean(),
  /** The date for which they were rendered (2026-11-28), if the text depends on the day. Otherwise null. */
  dated: z.string().nullable(),
  /** Arguments of the template that look like a date, for `eval.chat_template_args`. */
  date_args: z.array(z.string()),
  /** What is given and changes no prompt: `system`, `tools`, names of `chat_template_args`. */
  ignored: z.array(z.string()),
});
export type Rendering = z.infer<typeof rendering>;
export type TemplateRefusal = Rendering['refused'][number];

/** One prompt, with everything that a chat template can use. */
export interface RenderRequest {
  readonly id: string;
  readonly messages: unknown;
  readonly tools?: unknown;
  readonly chat_template_kwargs?: unknown;
}

/** Prompts to render. `model` is the absolute folder with the tokenizer. */
export interface RenderJob {
  readonly model: string;
  readonly requests: readonly RenderRequest[];
}

/** `failed` says why there is no result (no Python, no mlx_lm, a tokenizer that cannot be loaded). */
export type Rendered =
  | { readonly ok: true; readonly rendering: Rendering }
  | { readonly ok: false; readonly failed: string };

/** The prompts of a suite as they are sent to the model server. */
export function renderRequests(suite: Suite, settings: Settings<'eval'>): RenderRequest[] {
  return suite.prompts.map((prompt) => {
    const { messages, tools, chat_template_kwargs } = chatRequest({ prompt, seed: null }, suite, settings).body;
    return {
      id: prompt.id,
      messages,
      ...(tools !== undefined && { tools }),
      ...(chat_template_kwargs !== undefined && { chat_template_kwargs }),
    };
  });
}

/** Environment variable of python/serve.py: the date that chat templates see instead of the clock's. */
export const promptDateVariable = 'PHASEBOX_PROMPT_DATE';

/** The UTC date (2026-11-28) of an instant: the date that chat templates see in all runs of one phase. */
export const promptDate = (instant: string): string => instant.slice(0, 10);

/** `read-1`, `read-1 and 2 more`. */
const idsText = ([first, ...others]: readonly { readonly id: string }[]): string =>
  others.length === 0 ? `${first?.id}` : `${first?.id} and ${others.length} more`;

/** What the template refuses, in its own words: one sentence for each message. */
export function templateRefusalText(refused: readonly TemplateRefusal[]): string {
  const sentences = [...groupBy(refused, ({ error }) => error)].map(([error, same]) => {
    const part = same[0]?.part ?? null;
    const where = part === null ? '' : ` (${part})`;
    return `the chat template refuses ${same.length === 1 ? 'prompt' : 'prompts'} ${idsText(same)}: "${error}"${where}`;
  });
  return sentences.join('; ');
}

/** What to do about it. */
export function templateRefusalHint(refused: readonly TemplateRefusal[]): string {
  if (refused.every(({ without_system }) => without_system))
    return 'this template accepts no system prompt: write `eval.system: ""`, and put its text into the prompts that need it';
  return 'change the prompt, or set what the template needs with `eval.chat_template_args`';
}

/** What the model never reads although suite or config set it: one sentence each. */
export function ignoredTexts({ ignored }: Rendering): string[] {
  return ignored.map((name) => {
    if (name === 'system') return 'the chat template leaves the system prompt out, so the model never reads it';
    if (name === 'tools') return 'the chat template prints no tools, so the model never reads them';
    return `the chat template does not read ${name}: \`eval.chat_template_args.${name}\` does nothing`;
  });
}

/** Why two days would give two evaluations, and how to fix the date. Null if the template does not use the clock. */
export function clockWarning({ dated, date_args }: Rendering): string | null {
  if (dated === null) return null;
  const [name] = date_args;
  const remedy =
    name === undefined
      ? 'Remove `strftime_now` from the chat template to make phases of different days comparable'
      : `To make phases of different days comparable, fix it: \`eval.chat_template_args: { ${name}: "26 Jul 2024" }\``;
  return (
    "the chat template prints today's date (strftime_now), so the same suite has other prompts tomorrow. " +
    `All runs of this phase use the date on which the phase was accepted. ${remedy}`
  );
}
